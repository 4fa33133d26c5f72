"""A layer of capsules that the capsules below are routed to by self-attention."""

import keras

from caps_hvd.ops import self_attention_routing


@keras.saving.register_keras_serializable(package="caps_hvd")
class SelfAttentionCapsules(keras.layers.Layer):
    """Owns the transformations from input to output capsules, and routes by their agreement.

    `v = self_attention_routing(x, W, b)`; see `caps_hvd.ops.self_attention_routing` for the
    equations. The layer "FC caps" of Mazzia, Salvetti and Chiaberge, "Efficient-CapsNet: capsule
    network with self-attention routing", arXiv:2101.12491 (2021). The log priors b start at zero.

    Args:
        classes: output capsules.
        capsule_dim: components of an output capsule.
        kernel_initializer: initializer of the transformations. Defaults to "he_normal".

    Input shape: (batch, in_capsules, in_dim).
    Output shape: (batch, classes, capsule_dim), at least float32.
    """

    def __init__(self, classes, capsule_dim, kernel_initializer="he_normal", **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.capsule_dim = capsule_dim
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        _, in_capsules, in_dim = input_shape
        self.kernel = self.add_weight(
            shape=(self.classes, in_capsules, in_dim, self.capsule_dim),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        # Added to couplings that are float32 in any precision.
        self.prior = self.add_weight(
            shape=(self.classes, in_capsules), initializer="zeros", autocast=False, name="prior"
        )

    def call(self, capsules):
        return self_attention_routing(capsules, self.kernel, self.prior)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes, self.capsule_dim)

    def get_config(self):
        return super().get_config() | {
            "classes": self.classes,
            "capsule_dim": self.capsule_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
