"""Pure functions over `keras.ops`: squash and routing by agreement."""

from caps_hvd.ops.routing import dynamic_routing
from caps_hvd.ops.squash import squash

__all__ = ["dynamic_routing", "squash"]
