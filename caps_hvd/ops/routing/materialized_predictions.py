"""Routing through materialized predictions, for a batch so small that they are no large tensor.

The form T of `dynamic_routing.py` is then

    T(c, q, x, W) = sum_{b,i,j,o}  c_jbi  q_jbo  u_jboi     with  u_jboi = sum_d x_dbi W_djoi

The predictions `u` of one image are `in_dim` times smaller than the weights.  Routing one image
through them reads the weights once forward and twice backward, where `OwnTransformations` reads
them again for every vote and agreement; and it takes a few operations in place of over a hundred,
whose start is what a small network waits for.  With more images `u` is what is large.
"""

from keras import ops

from caps_hvd.ops.precision import at_least_float32, sum_at_least_float32
from caps_hvd.ops.routing.own_transformations import OwnTransformations


class MaterializedPredictions:
    """The form for a few images; couplings, outputs and gradients have the shapes of `own`.

    Args:
        own: `OwnTransformations` of the same weights.
    """

    # Up to here this form is the faster one.
    most_images = 1
    class_axis = OwnTransformations.class_axis

    def __init__(self, own):
        self.own, self.w = own, own.w
        self.in_dim, self.classes = own.in_dim, own.classes

    def with_predictions(self, x):
        """What the derivatives take: the predictions (j, b, o, i), then `x`, a list over d."""
        predictions = sum_at_least_float32(
            _per_class(xd) * _per_image(wd) for xd, wd in zip(x, self.w, strict=True)
        )
        return [ops.cast(predictions, x[0].dtype), *x]

    def weighted(self, couplings, operands):
        """The couplings: what they do to the capsules is in the predictions."""
        return [ops.cast(couplings, operands[0].dtype)] * self.in_dim

    def projected(self, outputs):
        """The outputs: what the weights do to them is in the predictions."""
        return [ops.cast(outputs, self.w[0].dtype)] * self.in_dim

    def vote(self, weighted, operands):
        """dT/dq: (j, b, o)."""
        predictions = operands[0]
        if weighted is None:
            return ops.sum(at_least_float32(predictions), axis=-1) / self.classes
        vote = ops.matmul(predictions, ops.expand_dims(weighted[0], -1))
        return at_least_float32(ops.squeeze(vote, -1))

    def agreement(self, projected, operands):
        """dT/dc: (j, b, i)."""
        agreement = ops.matmul(ops.expand_dims(projected[0], 2), operands[0])
        return at_least_float32(ops.squeeze(agreement, 2))

    def gradients(self, pairs, operands):
        """dT/dx, a list over d of (b, i), and dT/dW, one of (j, o, i), summed over the pairs."""
        predictions, *x = operands
        # dT/du, which both are made of: (j, b, o, pairs) times (j, b, pairs, i).
        outputs = ops.stack([pair.outputs for pair in pairs], axis=3)
        couplings = ops.stack([self.own.coupling_tensor(pair, x) for pair in pairs], axis=2)
        for_u = ops.matmul(*(ops.cast(part, predictions.dtype) for part in (outputs, couplings)))
        for_x = [ops.sum(at_least_float32(_per_image(wd) * for_u), axis=(0, 2)) for wd in self.w]
        for_w = [ops.sum(at_least_float32(_per_class(xd) * for_u), axis=1) for xd in x]
        return for_x, for_w


def _per_class(xd):
    return ops.expand_dims(ops.expand_dims(xd, 1), 0)  # (1, b, 1, i)


def _per_image(wd):
    return ops.expand_dims(wd, 1)  # (j, 1, o, i)
