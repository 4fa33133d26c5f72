"""Reason why a program failed, from the end of its log."""

import os
import re

_LOG_TAIL_BYTES = 65536
_ERROR = re.compile(
    r"^(?:\[[^]]*\])?(?:<stderr>:)?\s*(?:caps_hvd: error: |\w*(?:Error|Exception): )"
)
_NOISE = re.compile(r"[-=*#\s]*|mpirun .*|Primary job .*|.*non-zero (?:status|exit code).*|#.*")


def failure_reason(log) -> str:
    """Returns why a program failed: an error's line at the end of its log, else the last line."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    begin = max((i for i, line in enumerate(lines) if line.startswith("# ")), default=-1) + 1
    lines = [line.strip() for line in lines[begin:] if not _NOISE.fullmatch(line)]
    errors = [line for line in lines if _ERROR.match(line)]
    chosen = (errors or lines or [""])[-1]
    return chosen.replace("caps_hvd: error: ", "")[:300]
