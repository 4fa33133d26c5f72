"""Adam in one pass over memory.

Keras writes Adam's update as a dozen element-wise operations, each a pass over tensors of the
weights' size.  With a small batch that is most of a training step: the paper's CapsNet has eight
million weights, and an image of 28 x 28 to learn from.  TensorFlow's own kernel reads gradient,
moments and weights once and writes them once.
"""

import keras

from caps_hvd.startup import keras_backend


class _OnePass:
    """Mixed into Keras's Adam: the same update, with TensorFlow's kernel where there is one."""

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or keras_backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        def scalar(value):
            return tf.cast(value, variable.dtype)

        index = self._get_variable_index(variable)
        step = scalar(self.iterations + 1)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=scalar(self.beta_1) ** step,
            beta2_power=scalar(self.beta_2) ** step,
            lr=scalar(learning_rate),
            beta1=scalar(self.beta_1),
            beta2=scalar(self.beta_2),
            epsilon=scalar(self.epsilon),
            grad=tf.convert_to_tensor(scalar(gradient)),
            use_locking=False,
        )


@keras.saving.register_keras_serializable(package="caps_hvd")
class Adam(_OnePass, keras.optimizers.Adam):
    """`keras.optimizers.Adam`: its arguments, its state, its results to the last bits."""


@keras.saving.register_keras_serializable(package="caps_hvd")
class AdamW(_OnePass, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`: its arguments, its state, its results to the last bits."""
