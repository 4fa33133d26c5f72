"""Convolutions of all shapes, for hypothesis."""

from hypothesis import strategies as st

from caps_hvd.ops.convolution.geometry import Axis, Geometry, padding_of


@st.composite
def axes(draw):
    kernel, stride = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    size = draw(st.integers(kernel, 18))
    before, after = padding_of(size, kernel, stride, draw(st.sampled_from(["valid", "same"])))
    tile = -(-kernel // stride) + draw(st.integers(0, 7))
    return Axis(size, kernel, stride, tile, before, after)


# One and several vectors of channels, and such that fill no vector.
channels = st.sampled_from([1, 3, 8, 16, 33, 64, 70])

geometries = st.builds(Geometry, axes(), axes(), channels, channels)
