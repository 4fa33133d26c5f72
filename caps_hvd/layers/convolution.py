"""A convolution in the form that is fastest for its shape, its batch and this machine."""

import keras

from caps_hvd.ops import convolution as forms


@keras.saving.register_keras_serializable(package="caps_hvd")
class Conv2D(keras.layers.Conv2D):
    """Keras's `Conv2D`, with a choice of its form; weights, names and results are the same.

    The form is the library's ("direct") until `choose_convolutions` has chosen; a single image goes
    through one product of matrices either way.
    """

    bilinear = None

    def convolution_op(self, inputs, kernel):
        if self.data_format != "channels_last" or self.padding not in ("valid", "same"):
            return super().convolution_op(inputs, kernel)
        return forms.convolution(inputs, kernel, self.strides, self.padding, self.bilinear)

    def build(self, input_shape):
        super().build(input_shape)
        self.geometry = None
        plain = self.groups == 1 and self.dilation_rate == (1, 1)
        if plain and self.data_format == "channels_last" and self.padding in ("valid", "same"):
            shape = tuple(input_shape[1:]), tuple(self.kernel.shape)
            self.geometry = forms.geometry(*shape, self.strides, self.padding)

    @property
    def promises(self):
        """Whether the bilinear form can be the faster one; it computes in float32 or float64."""
        half = keras.backend.standardize_dtype(self.compute_dtype) in ("float16", "bfloat16")
        return self.geometry is not None and not half and forms.promises(self.geometry)


def convolutions(model):
    """The `Conv2D` layers of a model by path, those inside of other layers included."""
    layers = model._flatten_layers()
    return {layer.path: layer for layer in layers if isinstance(layer, Conv2D)}


def choose_convolutions(model, form="auto", rates=None):
    """Chooses the form of every convolution of a model, before its first step.

    Args:
        model: built Keras model.
        form: "direct", the library's; "bilinear" wherever that computes less; or "auto", the faster
            one by the rates. Defaults to "auto".
        rates: `caps_hvd.ops.convolution.Rates` of the machine, needed for "auto" where
            `bilinear_promises(model)`. Defaults to None: measured.

    Returns:
        The smallest batch that takes the bilinear form by the path of the layer, None for no batch.
    """
    chosen = {}
    for path, layer in convolutions(model).items():
        least = None
        if form != "direct" and layer.promises:
            if rates is None and form == "auto":
                rates = forms.measure_rates()
            least = 1 if form == "bilinear" else forms.least_images(layer.geometry, rates)
        layer.bilinear = None if least is None else (layer.geometry, least)
        chosen[path] = least
    return chosen


def slot_bytes(model):
    """Bytes that the bilinear form of all convolutions of a model holds, where it can be chosen.

    Returns:
        Those for each image, forward and backward, and those for the kernels.
    """
    layers = [layer for layer in convolutions(model).values() if layer.promises]
    found = [forms.slot_values(layer.geometry) for layer in layers]
    return 8 * sum(image for image, _ in found), 4 * sum(kernel for _, kernel in found)


def bilinear_promises(model):
    """Whether any convolution of a model can gain from the bilinear form."""
    return any(layer.promises for layer in convolutions(model).values())
