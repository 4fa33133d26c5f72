"""Times of day as text: UTC in ISO 8601, to the second."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Returns the time now, such as `2026-01-31T08:15:00Z`."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
