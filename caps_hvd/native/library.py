"""The library of operations in C++: where it lies, how it is built, how it is loaded.

A library fits one release of TensorFlow and one version of the sources, and both are in its name:
another release finds no library and takes the forms in `keras.ops`. One file holds the code for
AVX2 and for AVX-512, and chooses on the processor where it runs.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

from caps_hvd.errors import SetupError
from caps_hvd.system.backend import keras_backend

_SOURCES = Path(__file__).parent
_SWITCH = "CAPS_HVD_NATIVE_OPS"


def sources():
    """The files that are compiled, and those that they include."""
    return sorted(path for path in _SOURCES.iterdir() if path.suffix in (".cc", ".h"))


def library_path() -> Path:
    """Where the library of this environment, TensorFlow and version of the sources lies."""
    import tensorflow as tf

    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.read_bytes())
    name = f"caps_hvd_ops-tensorflow_{tf.__version__}-{digest.hexdigest()[:12]}.so"
    return Path(sys.prefix) / "lib" / "caps_hvd" / name


def build() -> Path:
    """Compiles the library, with the compiler that CXX names or g++, and returns its path.

    Raises:
        SetupError: there is no compiler, it fails, or the environment cannot be written.
    """
    import tensorflow as tf

    path = library_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"the operations in C++ cannot be written into {path.parent}: {error.strerror}; go on "
            "without them: the forms in keras.ops do the same"
        ) from error
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    command = [
        *shlex.split(os.environ.get("CXX") or "g++"),
        "-O3",
        "-w",  # warnings of TensorFlow's headers
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        *(str(source) for source in sources() if source.suffix == ".cc"),
        "-o",
        str(scratch),
        *tf.sysconfig.get_compile_flags(),
        *tf.sysconfig.get_link_flags(),
    ]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise SetupError(
            f"the operations in C++ cannot be compiled: {error}; install g++, or go on without "
            "them: the forms in keras.ops do the same"
        ) from error
    if result.returncode:
        raise SetupError(
            "the operations in C++ cannot be compiled, and the forms in keras.ops are used: "
            + " ".join(result.stderr.split("error:", 1)[-1].split()[:60])
        )
    os.replace(scratch, path)
    native.cache_clear()
    return path


@functools.cache
def native():
    """The module of operations, or None: not TensorFlow, not built, switched off, no such CPU.

    None on a machine with a GPU, too: the operations are for CPUs alone.

    CAPS_HVD_NATIVE_OPS=0 switches them off.
    """
    if keras_backend() != "tensorflow" or os.environ.get(_SWITCH) == "0":
        return None
    path = library_path()
    if not path.is_file():
        return None
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        return None
    module = tf.load_op_library(str(path))
    return module if ctypes.CDLL(str(path)).caps_hvd_supported() else None


@contextlib.contextmanager
def without_native():
    """Leaves the operations in C++ out of what is traced inside, for graphs that go elsewhere."""
    before = os.environ.get(_SWITCH)
    os.environ[_SWITCH] = "0"
    native.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SWITCH]
        else:
            os.environ[_SWITCH] = before
        native.cache_clear()
