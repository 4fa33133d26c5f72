#!/bin/bash
# Train in a job of SGE (Grid Engine), one rank for each of its slots.
#
#     qsub jobs/sge.sh --dataset mnist --epochs 5
#     qsub -pe orte 8 jobs/sge.sh          # 8 slots of the parallel environment `orte`
#
# Submit from the project's folder, which is the same on all hosts. `qconf -spl` lists the site's
# parallel environments; one with `allocation_rule 1` puts a slot on each host, where a rank uses
# all cores that it may. `caps-hvd launch` starts a rank for each slot of $PE_HOSTFILE; mpirun reaches
# the hosts through `qrsh`. A job that SGE runs again goes on at its last whole epoch.
# Settings, which `qsub -v` hands on:
#   CAPS_HVD_VENV       environment to run in, .venv in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, runs/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all hosts
# Made by `python scripts/job_scripts.py`; docs/launching.md says more.
#$ -N capsnet
#$ -S /bin/bash
#$ -cwd
#$ -pe mpi 4
#$ -l h_rt=4:00:00
#$ -j y
#$ -r y

set -euo pipefail

venv=${CAPS_HVD_VENV:-.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
if [ ! -x "$venv/bin/caps-hvd" ]; then
    echo "caps_hvd: error: no environment in $venv; make one with 'make setup', or name another in CAPS_HVD_VENV" >&2
    exit 2
fi
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

run_dir=${CAPS_HVD_RUN_DIR:-runs/$JOB_NAME-$JOB_ID}
# Some schedulers hand no arguments on: then the options of training stand in a variable.
set -f
# shellcheck disable=SC2086 # a list of words
set -- ${CAPS_HVD_OPTIONS-} "$@"
exec caps-hvd launch -- python -m caps_hvd.train --run-dir "$run_dir" --resume "$@"
