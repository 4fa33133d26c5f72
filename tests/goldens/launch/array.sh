#!/bin/bash
#SBATCH --job-name=points
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --array=0-1%1
#SBATCH --dependency=afterany:12:13_4
#SBATCH '--output=sweeps/it'"'"'s a sweep/%A_%a.out'
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@90

set -euo pipefail

export CUDA_VISIBLE_DEVICES=-1 HIP_VISIBLE_DEVICES=-1

venv=${CAPS_HVD_VENV:-'/home/it'"'"'s me/$HOME/.venv'}
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

case $SLURM_ARRAY_TASK_ID in
0)
    run_dir='sweeps/it'"'"'s a sweep/points/m1'
    exec >>'m 1.log' 2>&1
    caps-hvd launch -np "$SLURM_NTASKS" --interface eth0 --forward CUDA_VISIBLE_DEVICES \
        --forward HIP_VISIBLE_DEVICES -- python -m caps_hvd.train --run-dir "$run_dir" --resume \
        --seed 0 "$@" &
    ;;
1)
    run_dir='sweeps/it'"'"'s a sweep/points/}m2'
    exec >>'"m2".log' 2>&1
    caps-hvd launch -np "$SLURM_NTASKS" --interface eth0 --forward CUDA_VISIBLE_DEVICES \
        --forward HIP_VISIBLE_DEVICES -- python -m caps_hvd.train --run-dir "$run_dir" --resume \
        --seed 1 "$@" &
    ;;
esac

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
