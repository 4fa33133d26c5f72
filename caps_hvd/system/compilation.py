"""Seconds that this process spends on compiling, where the Keras backend compiles while it runs."""

import time

from caps_hvd.system.backend import keras_backend

_JAX_EVENTS = "/jax/core/compile/"


class CompilationClock:
    """The time that JAX has spent on tracing and compiling since this clock was made.

    JAX compiles a function when it is called with new shapes: in the first step of an epoch, and
    again in a short last one. On other backends the clock stands still.

    Example:
        >>> clock = CompilationClock()
        >>> begin = time.perf_counter()
        >>> step(batch)
        >>> compiling = clock.seconds(begin, time.perf_counter())
    """

    def __init__(self):
        self._spans: list[tuple[float, float]] = []
        if keras_backend() == "jax":
            import jax

            jax.monitoring.register_event_duration_secs_listener(self._note)

    def seconds(self, begin: float, end: float) -> float:
        """Returns the seconds of compiling between two readings of `time.perf_counter`.

        Tracing and compiling contain each other: what is done at one time counts once.
        """
        total, reached = 0.0, begin
        for first, last in sorted(self._spans):
            first, last = max(first, reached), min(last, end)
            if last > first:
                total, reached = total + last - first, last
        return total

    def reset(self) -> None:
        """Forgets what has been compiled so far."""
        self._spans.clear()

    def _note(self, event: str, duration: float, **_) -> None:
        if event.startswith(_JAX_EVENTS):
            now = time.perf_counter()
            self._spans.append((now - duration, now))
