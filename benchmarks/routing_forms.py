"""Layers with the two usual forms of routing by agreement, which hold the prediction tensor.

They have the weights, and compute the outputs, of `caps_hvd.layers.RoutedCapsules`.
"""

from keras import ops

from caps_hvd.layers import RoutedCapsules
from caps_hvd.ops import squash


class EinsumRoutedCapsules(RoutedCapsules):
    """`u = einsum(x, W)`, then einsums between u, couplings and outputs."""

    def call(self, capsules):
        predictions = ops.einsum("bid,djoi->bijo", capsules, self.kernel)
        logits = ops.zeros_like(predictions[..., 0])
        for iteration in range(self.iterations):
            couplings = ops.softmax(logits, axis=2)
            outputs = squash(ops.einsum("bij,bijo->bjo", couplings, predictions))
            if iteration + 1 < self.iterations:
                logits = logits + ops.einsum("bijo,bjo->bij", predictions, outputs)
        return outputs


class TiledRoutedCapsules(RoutedCapsules):
    """The inputs tiled over the classes, one small matrix product per pair, and sums.

    The form of the Keras implementations that most people start from.
    """

    def call(self, capsules):
        _, classes, _, _ = self.kernel.shape
        tiled = ops.tile(capsules[:, None, :, :, None], (1, classes, 1, 1, 1))  # b j i d 1
        matrices = ops.transpose(self.kernel, (1, 3, 2, 0))  # j i o d
        predictions = ops.squeeze(ops.matmul(matrices, tiled), -1)  # b j i o
        logits = ops.zeros_like(predictions[..., :1])
        for iteration in range(self.iterations):
            couplings = ops.softmax(logits, axis=1)
            outputs = squash(ops.sum(couplings * predictions, axis=2, keepdims=True))
            if iteration + 1 < self.iterations:
                logits = logits + ops.sum(predictions * outputs, axis=-1, keepdims=True)
        return ops.squeeze(outputs, 2)


FORMS = {
    "factored": RoutedCapsules,
    "tile-and-matmul": TiledRoutedCapsules,
    "einsum": EinsumRoutedCapsules,
}
