"""Strategies: how one model is spread over the ranks."""
