"""Convolution, in forms that differ in the images, kernels and batches they are fast for."""

from caps_hvd.ops.convolution.choice import FORMS as FORMS
from caps_hvd.ops.convolution.choice import Rates as Rates
from caps_hvd.ops.convolution.choice import least_images as least_images
from caps_hvd.ops.convolution.choice import measure_rates as measure_rates
from caps_hvd.ops.convolution.choice import promises as promises
from caps_hvd.ops.convolution.choice import slot_values as slot_values
from caps_hvd.ops.convolution.convolution import convolution as convolution
from caps_hvd.ops.convolution.geometry import geometry as geometry
