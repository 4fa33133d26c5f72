"""What every test shares: a quiet TensorFlow, ranks that may run as root, the real data.

`data_dir` is the folder of real data sets; a test that asks for it is skipped, with the reason,
where CAPS_HVD_DATA_DIR is not set.  The variables set here are inherited by the processes that a
test starts.
"""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("CAPS_HVD_DATA_DIR"):  # tests start processes in folders of their own
    os.environ["CAPS_HVD_DATA_DIR"] = os.path.abspath(os.environ["CAPS_HVD_DATA_DIR"])
if os.geteuid() == 0:
    # Open MPI refuses root otherwise; containers and this project's CI run as root.
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets (mnist.npz and others), or a skip with the reason."""
    named = os.environ.get("CAPS_HVD_DATA_DIR")
    if not named:
        pytest.skip("CAPS_HVD_DATA_DIR is not set: no real data to test with")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"CAPS_HVD_DATA_DIR: expected a folder, got {named}")
    return folder
