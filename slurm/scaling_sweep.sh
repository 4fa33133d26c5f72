#!/bin/bash
# Train on 1, 2 and 4 nodes, one count after another inside one job, and record how it scales.
#
#     sbatch slurm/scaling_sweep.sh                         # jobs/scaling_sweep.toml
#     sbatch -N 15 slurm/scaling_sweep.sh DEFINITION.toml   # docs/sweeps.md says what it holds
#     caps-hvd report sweeps/<name>-<job>
#
# Hardware: any nodes, whole; as many as the definition's largest machine count. With GPUs:
# `sbatch --gpus-per-node=1 slurm/scaling_sweep.sh`.
# A job that was preempted or requeued, or whose time is nearly over, repeats no finished point.
# Settings, from the environment of sbatch:
#   CAPS_HVD_VENV       environment to run in, .venv in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, sweeps/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all nodes
# Made by `python scripts/job_scripts.py`; `caps-hvd submit` makes one for your cluster.
#SBATCH --job-name=scaling-sweep
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@90

set -euo pipefail

venv=${CAPS_HVD_VENV:-$SLURM_SUBMIT_DIR/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
if [ ! -x "$venv/bin/caps-hvd" ]; then
    echo "caps_hvd: error: no environment in $venv; make one with 'make setup', or name another in CAPS_HVD_VENV" >&2
    exit 2
fi
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

# Shortly before the job's time is over it goes back into the queue, to go on at its last whole
# epoch. One that has finished none since it started would only go round in circles. In an array it
# is called by its place: the last element's own number is that of the whole array.
started=$(date +%s)
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
go_on_later() {
    if [ -n "$(find "$run_dir" -name checkpoint.h5 -newermt "@$started" -print -quit 2>/dev/null)" ]; then
        scontrol requeue "${job:-$SLURM_JOB_ID}"
    fi
}
trap go_on_later USR1

run_dir=${CAPS_HVD_RUN_DIR:-sweeps/$SLURM_JOB_NAME-$SLURM_JOB_ID}
if [ $# = 0 ]; then set -- jobs/scaling_sweep.toml; fi
caps-hvd sweep --output "$run_dir" "$@" &

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
