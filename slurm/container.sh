#!/bin/bash
# Train in a container, one rank on each node: an Apptainer image, or a Docker image.
#
#     sbatch slurm/container.sh --dataset mnist --epochs 5             # caps_hvd.sif
#     CAPS_HVD_CONTAINER=docker://registry/image:tag sbatch slurm/container.sh    # by Apptainer
#     CAPS_HVD_CONTAINER=image:tag sbatch slurm/container.sh                      # by Docker
#     sbatch --gpus-per-node=4 --ntasks-per-node=4 slurm/container.sh
#
# Slurm starts the ranks, by PMIx (`srun --mpi=list` must name pmix); Open MPI is the image's. The
# folders of submission, results and data are the same inside. docs/hpc.md tells how an image is made.
# A job that was preempted or requeued, or whose time is nearly over, goes on at its last whole
# epoch.
# Settings, from the environment of sbatch:
#   CAPS_HVD_CONTAINER  image to run in, caps_hvd.sif in the folder of submission by default
#   CAPS_HVD_RUN_DIR    folder of results, runs/<name>-<job> by default
#   CAPS_HVD_DATA_DIR   folder of the data sets, on all nodes
# Made by `python scripts/job_scripts.py`; `caps-hvd submit` makes one for your cluster.
#SBATCH --job-name=capsnet-container
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@90

set -euo pipefail

image=${CAPS_HVD_CONTAINER:-caps_hvd.sif}

# Docker hands nothing of the environment to a container: these say which rank it is, among whom.
in_docker() {
    local name options=()
    for name in $(compgen -e); do
        case $name in
        CAPS_HVD_* | CUDA_* | HOROVOD_* | KERAS_* | NCCL_* | OMP_* | OMPI_* | PMI* | SLURM* | TF_*)
            options+=(--env "$name")
            ;;
        esac
    done
    if [ "${CUDA_VISIBLE_DEVICES:--1}" != -1 ]; then options+=(--gpus=all); fi
    exec docker run --rm --network=host --ipc=host --user "$(id -u):$(id -g)" "${options[@]}" \
        ${CAPS_HVD_DATA_DIR:+--volume "$CAPS_HVD_DATA_DIR:$CAPS_HVD_DATA_DIR:ro"} \
        --volume /tmp:/tmp --volume "$PWD:$PWD" --volume "$CAPS_HVD_RUN_DIR:$CAPS_HVD_RUN_DIR" \
        --workdir "$PWD" "$@"
}

# A .sif file or a URL is an image for Apptainer, a plain name one of Docker's.
case $image in
*.sif | *://*)
    runtime=$(command -v apptainer || command -v singularity || echo apptainer)
    container=("$runtime" exec --bind "$PWD" --pwd "$PWD")
    if [ -n "${CAPS_HVD_DATA_DIR:-}" ]; then container+=(--bind "$CAPS_HVD_DATA_DIR"); fi
    if [ "${CUDA_VISIBLE_DEVICES:--1}" != -1 ]; then container+=(--nv); fi
    ;;
*)
    runtime=docker
    export -f in_docker
    # shellcheck disable=SC2016 # for each rank's own shell
    container=(bash -c 'in_docker "$@"' in_docker)
    ;;
esac
if ! command -v "$runtime" >/dev/null; then
    echo "caps_hvd: error: no $runtime on $(hostname) to run $image; load the site's module, or name another image in CAPS_HVD_CONTAINER" >&2
    exit 2
fi
if [[ $image = *.sif && ! -e $image ]]; then
    echo "caps_hvd: error: no image $image; docs/hpc.md tells how to make it, or name another in CAPS_HVD_CONTAINER" >&2
    exit 2
fi

# caps_hvd divides a node's cores among its ranks itself; srun asks for those of sbatch only when told.
on_every_rank() {
    # The results may lie outside of what every container has; only what exists can be bound.
    mkdir -p -- "$run_dir"
    CAPS_HVD_RUN_DIR=$(realpath --no-symlinks -- "$run_dir")
    export CAPS_HVD_RUN_DIR
    if [ "$runtime" != docker ]; then container+=(--bind "$CAPS_HVD_RUN_DIR"); fi
    srun --mpi=pmix --cpu-bind=none --kill-on-bad-exit=1 \
        ${SLURM_CPUS_PER_TASK:+"--cpus-per-task=$SLURM_CPUS_PER_TASK"} \
        "${container[@]}" "$image" "$@"
}

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
on_every_rank python -m caps_hvd.train --run-dir "$run_dir" --resume "$@" &

# The shell waits beside the job, and not for it, so that signals reach it meanwhile.
while kill -0 "$!" 2>/dev/null; do
    wait "$!" || true
done
wait "$!"
