"""The libraries that training needs, each loaded in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

_TIMEOUT_SECONDS = 180


def _program(body: str) -> str:
    """A program that prints `facts` as its last line; what it cannot import is their "error"."""
    return f"""
import json
facts = {{}}
try:
{textwrap.indent(body, "    ")}
except Exception as error:
    facts["error"] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(facts))
"""


PROBE_BACKEND = _program("""
import importlib
from caps_hvd.system import backend
library = importlib.import_module(backend.keras_backend())
backend.start_keras()
import keras
facts["keras"] = keras.__version__
if backend.keras_backend() == "tensorflow":
    facts["gpus"] = [gpu.name for gpu in library.config.list_physical_devices("GPU")]
    from caps_hvd.native.library import native
    facts["native"] = native() is not None
elif not backend.computes_on_cpu():
    facts["gpus"] = ["used"]
""")
PROBE_HOROVOD = _program("""
import horovod.tensorflow as hvd
for name in ("mpi", "gloo", "nccl", "cuda"):
    facts[name] = int(getattr(hvd, name + "_built")())
""")
PROBE_MPI = _program("""
import mpi4py
mpi4py.rc.initialize = mpi4py.rc.finalize = False
from mpi4py import MPI
facts["library"] = MPI.Get_library_version().replace(chr(0), "").strip()
""")


def probe(*programs: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> list[dict]:
    """Runs Python programs at once, each in a process of its own, and returns what they report.

    Args:
        programs: source texts that print a JSON object as their last line.
        timeout_seconds: after this time the programs that still run are killed.

    Returns:
        One dict per program; {"error": reason} where it crashed, hung, or printed something else.
    """
    with ThreadPoolExecutor(len(programs)) as pool:
        return list(pool.map(lambda program: _answer(program, timeout_seconds), programs))


def _answer(program, timeout_seconds):
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {timeout_seconds:.0f} s"}
    if done.returncode < 0:
        return {"error": f"it crashed ({signal.Signals(-done.returncode).name})"}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"error": (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]}
