#!/bin/bash
#: header
#: directives

set -euo pipefail

#: folder
#: environment

#: run_dir
# Some schedulers hand no arguments on: then the options of training stand in a variable.
set -f
# shellcheck disable=SC2086 # a list of words
set -- ${CAPS_HVD_OPTIONS-} "$@"
#: launch
