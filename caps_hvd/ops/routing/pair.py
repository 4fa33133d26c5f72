"""Couplings and outputs of capsules as one value, with the products that routing makes of them."""

import collections

# Couplings c and outputs q, the first two arguments of T, with the products in which they meet the
# other two: `weighted`, c with the capsules x, and `projected`, q with the weights W.  Routing has
# computed these on its way, and they are kept.  Uniform couplings, and `weighted` with them, are
# None.
Pair = collections.namedtuple("Pair", "couplings weighted outputs projected")
