#!/bin/bash
# Train on GPUs, one rank for each, and reduce gradients on the CPU: for clusters where NCCL cannot
# be used, and to tell what it gains.
#
#     sbatch slurm/capsnet_gpu_cpu_allreduce.sh --dataset mnist --epochs 5
#     sbatch -N 2 --gpus-per-node=4 --ntasks-per-node=4 slurm/capsnet_gpu_cpu_allreduce.sh
#
# Hardware: NVIDIA GPUs, as many ranks on a node as GPUs.
# Published for this set-up, in seconds per epoch: 390 on 1 machine with a GPU, 60 on 15
# ("An Overview of Distributed Capsule Networks", the paper's network on MNIST, batch 100).
# A job that was preempted or requeued, or whose time is nearly over, goes on at its last whole
# epoch.
# Settings, from the environment of sbatch:
#   CAPS_HVD_VENV       environment to run in, .venv in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, runs/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all nodes
# Made by `python scripts/job_scripts.py`; `caps-hvd submit` makes one for your cluster.
#SBATCH --job-name=capsnet-gpu-cpu-allreduce
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --gpus-per-node=1
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

run_dir=${CAPS_HVD_RUN_DIR:-runs/$SLURM_JOB_NAME-$SLURM_JOB_ID}
caps-hvd launch -np "$SLURM_NTASKS" -- python -m caps_hvd.train --run-dir "$run_dir" --resume \
    --reduce-on cpu "$@" &

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
