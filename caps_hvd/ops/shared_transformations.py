"""The form T with transformations that all positions of an image share.

An input capsule is a position `p` and a type `t`, `i = p * types + t`, as primary capsules come out
of a convolution.  One transformation per type makes

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

    def vote(self, couplings, x):
        """dT/dq: (j, b, o)."""
        return at_least_float32(
            ops.matmul(self._over_positions(couplings, x), ops.swapaxes(self.w, 1, 2))
        )

    def agreement(self, outputs, x):
        """dT/dc: (b, t, j, p)."""
        return at_least_float32(ops.matmul(self._transformed(outputs), x[0]))

    def capsule_gradient(self, pairs, x):
        """dT/dx, summed over the pairs (couplings, outputs): one (b, t, d, p)."""
        return [sum_at_least_float32(self._capsule_term(c, outputs) for c, outputs in pairs)]

    def _capsule_term(self, couplings, outputs):
        transformed = self._transformed(outputs)
        if couplings is None:
            mean = ops.expand_dims(ops.sum(transformed, axis=2) / self.classes, -1)
            return ops.repeat(mean, self.positions, axis=-1)
        couplings = ops.cast(couplings, transformed.dtype)
        return ops.matmul(ops.swapaxes(transformed, 2, 3), couplings)

    def weight_gradient(self, pairs, x):
        """dT/dW, summed over the pairs (couplings, outputs): one (j, o, t x d)."""
        return [
            sum_at_least_float32(
                ops.matmul(
                    ops.cast(ops.swapaxes(outputs, 1, 2), x[0].dtype),
                    self._over_positions(couplings, x),
                )
                for couplings, outputs in pairs
            )
        ]

    weight_gradient_of_block = weight_gradient  # these weights are small

    def _over_positions(self, couplings, x):
        """`y`, the capsules of a type summed over positions as coupled: (j, b, t x d)."""
        columns = self.types * self.in_dim
        if couplings is None:
            flat = ops.reshape(ops.sum(x[0], axis=-1), (1, -1, columns)) / self.classes
            return ops.repeat(flat, self.classes, axis=0)
        couplings = ops.cast(couplings, x[0].dtype)
        y = ops.matmul(couplings, ops.swapaxes(x[0], 2, 3))
        return ops.reshape(ops.transpose(y, (2, 0, 1, 3)), (self.classes, -1, columns))

    def _transformed(self, outputs):
        """Outputs (j, b, o) as input capsules see them, at all positions alike: (b, t, j, d)."""
        seen = ops.matmul(ops.cast(outputs, self.w.dtype), self.w)
        shape = (self.classes, -1, self.types, self.in_dim)
        return ops.transpose(ops.reshape(seen, shape), (1, 2, 0, 3))
