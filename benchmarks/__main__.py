"""All benchmarks, run one after the other, each in a process of its own.

python -m benchmarks            all of them
python -m benchmarks.NAME       one, with its own options
"""

import subprocess
import sys
from pathlib import Path

# `calibration` measures for a purpose, and `export_check` a run, with arguments that say which.
HELPERS = {
    "__init__", "__main__", "bound_training", "calibration", "export_check", "harness", "kept_runs",
    "learns_page", "learns_sets", "routing_forms",
}  # fmt: skip


def main():
    names = sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - HELPERS)
    failed = [
        name
        for name in names
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode
    ]
    if failed:
        raise SystemExit(f"benchmarks: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
