#!/bin/bash
# Train in a job of PBS, one rank on each of its hosts.
#
#     qsub -v CAPS_HVD_OPTIONS="--dataset mnist --epochs 5",CAPS_HVD_DATA_DIR jobs/pbs.sh
#     qsub -l select=8:ncpus=16:mpiprocs=1 jobs/pbs.sh                 # 8 hosts
#     qsub -l select=2:ncpus=16:ngpus=4:mpiprocs=4 jobs/pbs.sh         # a rank for each of 4 GPUs
#
# Submit from the project's folder, which is the same on all hosts. `caps-hvd launch` starts a rank
# for each line of $PBS_NODEFILE, through ssh between the hosts. A job that PBS runs again goes on at
# its last whole epoch. In Torque, `-l nodes=4:ppn=1` and `-n` take the place of the lines with
# select and place.
# Settings, which `qsub -v` hands on:
#   CAPS_HVD_OPTIONS    options of `caps-hvd train`, words with blanks between
#   CAPS_HVD_VENV       environment to run in, .venv in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, runs/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all hosts
# Made by `python scripts/job_scripts.py`; docs/launching.md says more.
#PBS -N capsnet
#PBS -S /bin/bash
#PBS -l select=4:ncpus=16:mpiprocs=1
#PBS -l place=scatter:excl
#PBS -l walltime=4:00:00
#PBS -j oe
#PBS -r y

set -euo pipefail

cd "$PBS_O_WORKDIR"
venv=${CAPS_HVD_VENV:-.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
if [ ! -x "$venv/bin/caps-hvd" ]; then
    echo "caps_hvd: error: no environment in $venv; make one with 'make setup', or name another in CAPS_HVD_VENV" >&2
    exit 2
fi
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

run_dir=${CAPS_HVD_RUN_DIR:-runs/$PBS_JOBNAME-${PBS_JOBID%%.*}}
# Some schedulers hand no arguments on: then the options of training stand in a variable.
set -f
# shellcheck disable=SC2086 # a list of words
set -- ${CAPS_HVD_OPTIONS-} "$@"
exec caps-hvd launch -- python -m caps_hvd.train --run-dir "$run_dir" --resume "$@"
