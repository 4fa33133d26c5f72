#!/bin/bash
#: header

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
#: environment

#: tasks
