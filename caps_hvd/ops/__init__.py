"""Pure functions over `keras.ops`: squash, and routing by agreement and by self-attention."""

from caps_hvd.ops.routing import dynamic_routing, self_attention_routing
from caps_hvd.ops.squash import exponential_squash, squash

__all__ = ["dynamic_routing", "exponential_squash", "self_attention_routing", "squash"]
