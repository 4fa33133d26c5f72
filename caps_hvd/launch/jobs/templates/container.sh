#: image

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
