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
