"""Routing in C++, where `caps_hvd.native` has been built: TensorFlow on CPUs, float32."""

from keras.backend import standardize_dtype

from caps_hvd.native.library import native
from caps_hvd.ops.custom_gradient import custom_gradient


def routes_natively(capsules, weights):
    """Whether `native_routing` takes these: float32, weights of each input capsule's own."""
    own = weights.shape[-1] == capsules.shape[1]
    return own and standardize_dtype(capsules.dtype) == "float32" and native() is not None


def native_routing(capsules, weights, iterations, stop_gradient):
    """Routes input capsules to output capsules; arguments as `dynamic_routing` has them.

    What is kept for the backward pass is the total inputs of each iteration: (iterations, batch,
    classes * out_dim).
    """
    operations = native()

    @custom_gradient
    def route(capsules, weights):
        outputs, totals = operations.caps_hvd_routing(capsules, weights, iterations=iterations)

        def gradient(upstream):
            return operations.caps_hvd_routing_gradient(
                capsules, weights, totals, upstream, stop_gradient=stop_gradient
            )

        return outputs, gradient

    return route(capsules, weights)
