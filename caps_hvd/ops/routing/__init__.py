"""Routing by agreement, in forms that differ in what they keep in memory."""

from caps_hvd.ops.routing.dynamic_routing import dynamic_routing

__all__ = ["dynamic_routing"]
