"""Routing by agreement, in forms that differ in what they keep in memory, and by self-attention."""

from caps_hvd.ops.routing.dynamic_routing import dynamic_routing
from caps_hvd.ops.routing.self_attention_routing import self_attention_routing

__all__ = ["dynamic_routing", "self_attention_routing"]
