"""Routing with transformations that all positions of an image share.

An input capsule is a position `p` and a type `t`, `i = p * types + t`, as primary capsules come out
of a convolution.  One transformation per type makes of the form T of `dynamic_routing.py`

    T(c, q, x, W) = sum_{b,t,p,d,j,o}  c_btjp  q_jbo  x_btdp  W_djot
                  = sum  q_jbo  W_djot  y_btjd     with  y_btjd = sum_p c_btjp x_btdp

so the sum over positions comes first, and what is multiplied by W is `positions` times smaller than
without sharing.  What is left are small matrix products, one for each image and type, between
couplings (j, p) and capsules (d, p); no tensor over `d` and `j` and positions is ever there.  With
positions as the innermost axis these products run along contiguous memory.

Weight sharing is that of Marchisio et al., "FasTrCaps: An Integrated Framework for Fast yet
Accurate Training of Capsule Networks" (2020).
"""

from keras import ops

from caps_hvd.ops.precision import at_least_float32, sum_at_least_float32


class SharedTransformations:
    """The four derivatives of T. Couplings of None are the uniform ones, 1 / classes.

    The methods are those of `OwnTransformations`.

    Args:
        weights: tensor of shape (in_dim, classes, out_dim, types).
        positions: in_capsules / types.
    """

    # Couplings are (b, t, j, p).
    class_axis = 2

    def __init__(self, weights, positions):
        self.in_dim, self.classes, self.out_dim, self.types = weights.shape
        self.positions = positions
        # (j, o, t x d): outputs of a class against the components of all types.
        flat = (self.classes, self.out_dim, self.types * self.in_dim)
        self.w = ops.reshape(ops.transpose(weights, (1, 2, 3, 0)), flat)

    def operands(self, capsules):
        """Capsules (b, i, d) as what the derivatives take: one tensor (b, t, d, p) in a list."""
        grid = ops.reshape(capsules, (-1, self.positions, self.types, self.in_dim))
        return [ops.transpose(grid, (0, 2, 3, 1))]

    def capsules(self, gradients):
        """What `capsule_gradient` gave, as (b, i, d)."""
        grid = ops.transpose(gradients[0], (0, 3, 1, 2))
        return ops.reshape(grid, (-1, self.positions * self.types, self.in_dim))

    def weights(self, gradients):
        """What `weight_gradient` gave, as (d, j, o, t)."""
        shape = (self.classes, self.out_dim, self.types, self.in_dim)
        return ops.transpose(ops.reshape(gradients[0], shape), (3, 0, 1, 2))

    def zero_weights(self):
        """What sums of `weight_gradient` start from."""
        return [at_least_float32(ops.zeros_like(self.w))]

    def tensors_at_once(self, iterations):
        """About how many tensors like the couplings are there at once, forward and backward."""
        return 2 * iterations + 2

    def weighted(self, couplings, x):
        """`y`, the weighted capsules of a type summed over positions, c x: [(j, b, t x d)]."""
        columns = self.types * self.in_dim
        y = ops.matmul(ops.cast(couplings, x[0].dtype), ops.swapaxes(x[0], 2, 3))
        return [ops.reshape(ops.transpose(y, (2, 0, 1, 3)), (self.classes, -1, columns))]

    def projected(self, outputs):
        """Outputs projected onto input capsules, at all positions alike, q W: [(b, t, j, d)]."""
        projected = ops.matmul(ops.cast(outputs, self.w.dtype), self.w)
        shape = (self.classes, -1, self.types, self.in_dim)
        return [ops.transpose(ops.reshape(projected, shape), (1, 2, 0, 3))]

    def vote(self, weighted, x):
        """dT/dq: (j, b, o)."""
        y = self._uniformly_weighted(x) if weighted is None else weighted[0]
        return at_least_float32(ops.matmul(y, ops.swapaxes(self.w, 1, 2)))

    def agreement(self, projected, x):
        """dT/dc: (b, t, j, p)."""
        return at_least_float32(ops.matmul(projected[0], x[0]))

    def gradients(self, pairs, x):
        """dT/dx as one (b, t, d, p), and dT/dW as one (j, o, t x d), summed over the pairs."""
        return self.capsule_gradient(pairs), self.weight_gradient(pairs, x)

    def capsule_gradient(self, pairs):
        """dT/dx, summed over the pairs: one (b, t, d, p)."""
        return [sum_at_least_float32(map(self._capsule_term, pairs))]

    def _capsule_term(self, pair):
        if pair.couplings is None:
            mean = ops.sum(self.projected(pair.outputs)[0], axis=2) / self.classes
            return ops.repeat(ops.expand_dims(mean, -1), self.positions, axis=-1)
        projected = pair.projected[0]
        return ops.matmul(ops.swapaxes(projected, 2, 3), ops.cast(pair.couplings, projected.dtype))

    def weight_gradient(self, pairs, x):
        """dT/dW, summed over the pairs: one (j, o, t x d)."""
        return [sum_at_least_float32(self._weight_term(pair, x) for pair in pairs)]

    def _weight_term(self, pair, x):
        y = self._uniformly_weighted(x) if pair.couplings is None else pair.weighted[0]
        return ops.matmul(ops.cast(ops.swapaxes(pair.outputs, 1, 2), y.dtype), y)

    weight_gradient_of_block = weight_gradient  # these weights are small

    def _uniformly_weighted(self, x):
        columns = self.types * self.in_dim
        y = ops.reshape(ops.sum(x[0], axis=-1), (1, -1, columns)) / self.classes
        return ops.repeat(y, self.classes, axis=0)
