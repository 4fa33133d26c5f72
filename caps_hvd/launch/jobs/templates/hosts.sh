#!/bin/bash
#: header

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
#: environment

hostfile=${CAPS_HVD_HOSTFILE:-$project/hostfiles/localhost}
#: run_dir
all_runs=$run_dir
read -ra counts <<<"${CAPS_HVD_RANKS:-1 2}"
for ranks in "${counts[@]}"; do
    run_dir=$all_runs-$ranks
#: launch
done
