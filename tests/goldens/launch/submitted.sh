#!/bin/bash
# Train capsnet on mnist. Made by `caps-hvd submit`.
#SBATCH --job-name=capsnet-mnist
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=2
#SBATCH --time=2-12:00:00
#SBATCH --partition=gpu
#SBATCH --account=p1
#SBATCH --qos=high
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@90
#SBATCH '--constraint=a 100'

set -euo pipefail

venv=${CAPS_HVD_VENV:-'/home/me/caps hvd/.venv'}
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
    --dataset mnist --epochs 5 --data-dir '/my data' --augment "$@" &

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
