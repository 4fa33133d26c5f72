#!/bin/bash
#: header
#: directives

set -euo pipefail

#: variables

#: environment

#: requeue

#: tasks

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
