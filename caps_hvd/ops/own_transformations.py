"""The form T with a transformation of its own for every pair of input and output capsule.

    T(c, q, x, W) = sum_{b,i,d,j,o}  c_jbi  q_jbo  x_dbi  W_djoi

Everything is a sum over `d` of matrix products and element-wise products in tensors of shape
(j, b, i) at most; the letters are those of `caps_hvd.ops.dynamic_routing`.  With capsules as the
innermost axis every element-wise pass runs along contiguous memory.
"""

from keras import ops

from caps_hvd.ops.precision import at_least_float32, sum_at_least_float32


class OwnTransformations:
    """The four derivatives of T. Couplings of None are the uniform ones, 1 / classes.

    Args:
        weights: tensor of shape (in_dim, classes, out_dim, in_capsules).
    """

    # Couplings are (j, b, i).
    class_axis = 0

    def __init__(self, weights):
        self.in_dim, self.classes, self.out_dim, self.in_capsules = weights.shape
        self.w = ops.unstack(weights, axis=0)

    def operands(self, capsules):
        """Capsules (b, i, d) as what the derivatives take: a list over d of (b, i)."""
        return ops.unstack(ops.transpose(capsules, (2, 0, 1)), axis=0)

    def capsules(self, gradients):
        """What `capsule_gradient` gave, as (b, i, d)."""
        return ops.transpose(ops.stack(gradients), (1, 2, 0))

    def weights(self, gradients):
        """What `weight_gradient` gave, as (d, j, o, i)."""
        return ops.stack(gradients)

    def zero_weights(self):
        """What sums of `weight_gradient` start from."""
        return [at_least_float32(ops.zeros_like(wd)) for wd in self.w]

    def tensors_at_once(self, iterations):
        """About how many tensors like the couplings are there at once, forward and backward."""
        pairs = 2 * iterations - 1
        # Most are there in the gradient for W: a product of every pair's couplings with every x_d.
        return self.in_dim * pairs + 2 * iterations

    def vote(self, couplings, x):
        """dT/dq: (j, b, o)."""
        if couplings is None:
            shape = (self.classes * self.out_dim, self.in_capsules)
            flat = [ops.transpose(ops.reshape(wd, shape)) for wd in self.w]
            total = sum_at_least_float32(map(ops.matmul, x, flat)) / self.classes
            return ops.transpose(ops.reshape(total, (-1, self.classes, self.out_dim)), (1, 0, 2))
        couplings = ops.cast(couplings, x[0].dtype)
        across = [ops.swapaxes(wd, 1, 2) for wd in self.w]
        return sum_at_least_float32(
            ops.matmul(couplings * xd, wd) for xd, wd in zip(x, across, strict=True)
        )

    def agreement(self, outputs, x):
        """dT/dc: (j, b, i)."""
        outputs = ops.cast(outputs, self.w[0].dtype)
        return sum_at_least_float32(
            ops.matmul(outputs, wd) * xd for xd, wd in zip(x, self.w, strict=True)
        )

    def capsule_gradient(self, pairs, x):
        """dT/dx, summed over the pairs (couplings, outputs)."""
        return [
            sum_at_least_float32(self._capsule_term(c, outputs, wd) for c, outputs in pairs)
            for wd in self.w
        ]

    def _capsule_term(self, couplings, outputs, wd):
        outputs = ops.cast(outputs, wd.dtype)
        if couplings is None:
            columns = self.classes * self.out_dim
            flat = ops.reshape(ops.transpose(outputs, (1, 0, 2)), (-1, columns))
            return ops.matmul(flat, ops.reshape(wd, (columns, self.in_capsules))) / self.classes
        return ops.sum(ops.cast(couplings, wd.dtype) * ops.matmul(outputs, wd), axis=0)

    def weight_gradient(self, pairs, x):
        """dT/dW, summed over the pairs (couplings, outputs): a list over d of (j, o, i)."""
        return [
            sum_at_least_float32(self._weight_term(c, outputs, xd) for c, outputs in pairs)
            for xd in x
        ]

    def _weight_term(self, couplings, outputs, xd):
        across = ops.cast(ops.swapaxes(outputs, 1, 2), xd.dtype)
        if couplings is None:
            return ops.matmul(across, xd) / self.classes
        return ops.matmul(across, ops.cast(couplings, xd.dtype) * xd)

    def weight_gradient_of_block(self, pairs, x):
        """The same with the pairs joined along the batch, which x then repeats.

        A sum over pairs holds as many tensors of the weights' size at once, and they are what is
        large where the batch goes through in blocks.
        """
        couplings = [
            ops.full((self.classes, *x[0].shape), 1.0 / self.classes, dtype=outputs.dtype)
            if c is None
            else c
            for c, outputs in pairs
        ]
        outputs = [outputs for _, outputs in pairs]
        joined = ops.concatenate(couplings, axis=1), ops.concatenate(outputs, axis=1)
        return self.weight_gradient(
            [joined], [ops.concatenate([xd] * len(pairs), axis=0) for xd in x]
        )
