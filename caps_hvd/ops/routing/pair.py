"""What the gradients of routing are summed over."""

import collections

# Couplings c and outputs q, the first two arguments of T, with the products in which they meet the
# other two: `coupled`, c with the capsules x, and `seen`, q with the weights W.  Routing has
# computed these on its way, and they are kept.  Uniform couplings, and `coupled` with them, are
# None.
Pair = collections.namedtuple("Pair", "couplings coupled outputs seen")
