#!/bin/bash
# Train in a job of LSF, one rank on each of its hosts.
#
#     CAPS_HVD_OPTIONS="--dataset mnist --epochs 5" bsub < jobs/lsf.sh
#     bsub -n 8 < jobs/lsf.sh                                     # 8 hosts
#     bsub -n 8 -R "span[ptile=4]" -gpu "num=4" < jobs/lsf.sh     # a rank for each of 4 GPUs
#
# Submit from the project's folder, which is the same on all hosts. `caps-hvd launch` starts a rank
# for each slot that LSF names in $LSB_DJOB_HOSTFILE, through ssh between the hosts. A job that LSF
# runs again goes on at its last whole epoch.
# Settings, from the environment of bsub:
#   CAPS_HVD_OPTIONS    options of `caps-hvd train`, words with blanks between
#   CAPS_HVD_VENV       environment to run in, .venv in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, runs/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all hosts
# Made by `python scripts/job_scripts.py`; docs/launching.md says more.
#BSUB -J capsnet
#BSUB -n 4
#BSUB -R "span[ptile=1]"
#BSUB -x
#BSUB -W 4:00
#BSUB -o %J.out
#BSUB -r

set -euo pipefail

venv=${CAPS_HVD_VENV:-.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
if [ ! -x "$venv/bin/caps-hvd" ]; then
    echo "caps_hvd: error: no environment in $venv; make one with 'make setup', or name another in CAPS_HVD_VENV" >&2
    exit 2
fi
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

run_dir=${CAPS_HVD_RUN_DIR:-runs/$LSB_JOBNAME-$LSB_JOBID}
# Some schedulers hand no arguments on: then the options of training stand in a variable.
set -f
# shellcheck disable=SC2086 # a list of words
set -- ${CAPS_HVD_OPTIONS-} "$@"
exec caps-hvd launch -- python -m caps_hvd.train --run-dir "$run_dir" --resume "$@"
