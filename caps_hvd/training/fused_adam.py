"""Adam in one pass over memory.

Keras writes Adam's update as a dozen element-wise operations, each a pass over tensors of the
weights' size.  With a small batch that is most of a training step: the paper's CapsNet has eight
million weights, and an image of 28 x 28 to learn from.  TensorFlow's own kernel reads gradient,
moments and weights once and writes them once.
"""

import keras

from caps_hvd.system.backend import keras_backend


class _OnePass:
    """Mixed into Keras's Adam: the same update, with TensorFlow's kernel where there is one."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if self.amsgrad or keras_backend() != "tensorflow":
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        import tensorflow as tf

        # Once for all variables: with one image in a step, the start of operations is felt, too.
        step = tf.cast(self.iterations + 1, "float32")
        scalars = {
            "beta1_power": tf.pow(self.beta_1, step),
            "beta2_power": tf.pow(self.beta_2, step),
            "lr": tf.convert_to_tensor(learning_rate),
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
        }
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            index = self._get_variable_index(variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                **{name: tf.cast(value, variable.dtype) for name, value in scalars.items()},
                grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
                use_locking=False,
            )


@keras.saving.register_keras_serializable(package="caps_hvd")
class Adam(_OnePass, keras.optimizers.Adam):
    """`keras.optimizers.Adam`: its arguments, its state, its results to the last bits."""


@keras.saving.register_keras_serializable(package="caps_hvd")
class AdamW(_OnePass, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`: its arguments, its state, its results to the last bits."""
