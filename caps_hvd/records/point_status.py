"""The status of a point of a sweep."""

import enum


class PointStatus(enum.StrEnum):
    """Where a point is on its way from the plan to a record; the values are those in files."""

    PLANNED = "planned"
    WAITING = "waiting"  # in a queue
    RUNNING = "running"
    ENDED = "ended"  # its processes have; its record tells whether it is finished or has failed
    FINISHED = "finished"
    FAILED = "failed"
