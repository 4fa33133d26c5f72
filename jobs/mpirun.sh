#!/bin/bash
# Train on machines that ssh reaches, started by mpirun: on each count of ranks, one after
# another.
#
#     jobs/mpirun.sh --epochs 2                               # 1 and 2 ranks on this machine
#     CAPS_HVD_HOSTFILE=hostfiles/lab15 CAPS_HVD_RANKS="1 5 10 15" \
#         jobs/mpirun.sh --dataset mnist --epochs 5
#
# What follows the script's name are options of `caps-hvd train`. The same command again goes on
# where it stopped, and repeats no finished run. `caps-hvd sweep` does more: repetitions, a report.
# Hardware: the hosts of the file, with the same environment at the same path; `caps-hvd hosts
# check` tells whether they can take part.
# Settings:
#   CAPS_HVD_HOSTFILE  host file, hostfiles/localhost by default
#   CAPS_HVD_RANKS     counts of ranks, "1 2" by default
#   CAPS_HVD_RUN_DIR   folders of results, without the count: runs/mpirun by default
#   CAPS_HVD_VENV      environment to run in, .venv of this project by default
# Made by `python scripts/job_scripts.py`.

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${CAPS_HVD_VENV:-$project/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
if [ ! -x "$venv/bin/caps-hvd" ]; then
    echo "caps_hvd: error: no environment in $venv; make one with 'make setup', or name another in CAPS_HVD_VENV" >&2
    exit 2
fi
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

hostfile=${CAPS_HVD_HOSTFILE:-$project/hostfiles/localhost}
run_dir=${CAPS_HVD_RUN_DIR:-runs/mpirun}
all_runs=$run_dir
read -ra counts <<<"${CAPS_HVD_RANKS:-1 2}"
for ranks in "${counts[@]}"; do
    run_dir=$all_runs-$ranks
    caps-hvd launch --launcher mpirun -np "$ranks" --hostfile "$hostfile" -- python -m \
        caps_hvd.train --run-dir "$run_dir" --resume "$@"
done
