"""Routing by agreement, in forms that differ in what they keep in memory."""
