"""Convolution, in forms that differ in the batch sizes they are fast for."""

from caps_hvd.ops.convolution.one_image import convolution as convolution
