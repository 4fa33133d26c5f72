"""Routing with a transformation of its own for every pair of input and output capsule.

The form T of `dynamic_routing.py` is then

    T(c, q, x, W) = sum_{b,i,d,j,o}  c_jbi  q_jbo  x_dbi  W_djoi

Everything is a sum over `d` of matrix products and element-wise products in tensors of shape
(j, b, i) at most; the letters are those of `dynamic_routing.py`.  With capsules as the
innermost axis every element-wise pass runs along contiguous memory.
"""

from keras import ops

from caps_hvd.ops.precision import at_least_float32, sum_at_least_float32
from caps_hvd.ops.routing.pair import Pair


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

    def weighted(self, couplings, x):
        """The capsules weighted for each class, c x: a list over d of (j, b, i)."""
        couplings = ops.cast(couplings, x[0].dtype)
        return [couplings * xd for xd in x]

    def projected(self, outputs):
        """Outputs projected onto the input capsules, q W: a list over d of (j, b, i)."""
        outputs = ops.cast(outputs, self.w[0].dtype)
        return [ops.matmul(outputs, wd) for wd in self.w]

    def vote(self, weighted, x):
        """dT/dq: (j, b, o)."""
        if weighted is None:
            shape = (self.classes * self.out_dim, self.in_capsules)
            flat = [ops.transpose(ops.reshape(wd, shape)) for wd in self.w]
            total = sum_at_least_float32(map(ops.matmul, x, flat)) / self.classes
            return ops.transpose(ops.reshape(total, (-1, self.classes, self.out_dim)), (1, 0, 2))
        across = [ops.swapaxes(wd, 1, 2) for wd in self.w]
        return sum_at_least_float32(map(ops.matmul, weighted, across))

    def agreement(self, projected, x):
        """dT/dc: (j, b, i)."""
        return sum_at_least_float32(pd * xd for pd, xd in zip(projected, x, strict=True))

    def gradients(self, pairs, x):
        """dT/dx, a list over d of (b, i), and dT/dW, one of (j, o, i), summed over the pairs."""
        return self.capsule_gradient(pairs), self.weight_gradient(pairs, x)

    def capsule_gradient(self, pairs):
        """dT/dx, summed over the pairs: a list over d of (b, i)."""
        return [
            sum_at_least_float32(self._capsule_term(pair, d) for pair in pairs)
            for d in range(self.in_dim)
        ]

    def _capsule_term(self, pair, d):
        wd = self.w[d]
        if pair.couplings is None:
            columns = self.classes * self.out_dim
            outputs = ops.transpose(ops.cast(pair.outputs, wd.dtype), (1, 0, 2))
            flat = ops.reshape(wd, (columns, self.in_capsules))
            return ops.matmul(ops.reshape(outputs, (-1, columns)), flat) / self.classes
        return ops.sum(ops.cast(pair.couplings, wd.dtype) * pair.projected[d], axis=0)

    def weight_gradient(self, pairs, x):
        """dT/dW, summed over the pairs: a list over d of (j, o, i)."""
        return [
            sum_at_least_float32(self._weight_term(pair, x, d) for pair in pairs)
            for d in range(self.in_dim)
        ]

    def _weight_term(self, pair, x, d):
        across = ops.cast(ops.swapaxes(pair.outputs, 1, 2), x[d].dtype)
        if pair.couplings is None:
            return ops.matmul(across, x[d]) / self.classes
        return ops.matmul(across, pair.weighted[d])

    def weight_gradient_of_block(self, pairs, x):
        """The same with the pairs joined along the batch, which x then repeats.

        A sum over pairs holds as many tensors of the weights' size at once, and they are what is
        large where the batch goes through in blocks.
        """
        couplings = ops.concatenate([self.coupling_tensor(pair, x) for pair in pairs], axis=1)
        outputs = ops.concatenate([pair.outputs for pair in pairs], axis=1)
        x = [ops.concatenate([xd] * len(pairs), axis=0) for xd in x]
        joined = Pair(couplings, self.weighted(couplings, x), outputs, None)
        return self.weight_gradient([joined], x)

    def coupling_tensor(self, pair, x):
        """The couplings (j, b, i) of a pair, the uniform ones too."""
        if pair.couplings is not None:
            return pair.couplings
        uniform = ops.full((self.classes, 1, 1), 1.0 / self.classes, dtype=pair.outputs.dtype)
        return ops.broadcast_to(uniform, (self.classes, *ops.shape(x[0])))
