"""The Keras backend: which one, and how it is loaded without start-up messages.

TensorFlow's C++ side logs before its log level can be set (absl is not initialised yet), so
TF_CPP_MIN_LOG_LEVEL alone does not silence it: "oneDNN custom operations are on" would appear once
per rank. The import runs with file descriptor 2 pointing at a scratch file instead; if it fails,
what was written there is shown after all.
"""

import contextlib
import functools
import importlib.util
import os
import sys
import tempfile

from caps_hvd.errors import SetupError
from caps_hvd.system.host import cpu_features
from caps_hvd.system.installation import advice

# Those that the package runs on, the first choice first.
_BACKENDS = ("tensorflow", "torch", "jax")
# TensorFlow uses oneDNN by itself only on processors with AVX512_VNNI, AVX512_BF16 or AMX; on all
# others its matrix products take more than twice as long.
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def keras_backend() -> str:
    """The Keras backend that this process was told to use, has loaded already, or would load.

    The last is TensorFlow, or another one where that alone is installed.
    """
    if told := os.environ.get("KERAS_BACKEND"):
        return told
    loaded = sys.modules.get("keras")
    return loaded.backend.backend() if hasattr(loaded, "backend") else _installed_backend()


@functools.cache
def _installed_backend() -> str:
    found = (name for name in _BACKENDS if importlib.util.find_spec(name) is not None)
    return next(found, "tensorflow")


def backend_advice() -> str:
    """What to run to install the Keras backend that was chosen."""
    return advice({"jax": "jax", "torch": "torch"}.get(keras_backend(), "cpu"))


def start_keras() -> None:
    """Loads Keras and its backend, which takes seconds; call it before any import of `keras`.

    Without KERAS_BACKEND it is TensorFlow where it is installed, whatever Keras's own file of
    settings says.

    Raises:
        SetupError: the backend is not installed.
    """
    os.environ["KERAS_BACKEND"] = keras_backend()
    try:
        if keras_backend() == "tensorflow":
            import_tensorflow_quietly()
        import keras  # noqa: F401
    except (ImportError, ValueError) as error:  # Keras does not know it
        raise SetupError(
            f"KERAS_BACKEND={keras_backend()} cannot be loaded: {error}; {backend_advice()}, or "
            "choose a backend that is installed with KERAS_BACKEND=tensorflow, jax or torch"
        ) from error


def jit_compile() -> bool:
    """Whether models are compiled as a whole.

    Not under TensorFlow: XLA makes its CPU kernels slower here, and Horovod's collectives cannot
    be part of an XLA program. JAX is nothing without it.
    """
    return keras_backend() == "jax"


def use_onednn(environ) -> None:
    """Switches oneDNN on in an environment, unless the user has decided about it."""
    if not environ.get(ONEDNN):
        environ[ONEDNN] = "1"


def onednn_is_on(environ=os.environ, features=None) -> bool:
    """Whether TensorFlow's matrix products and convolutions are oneDNN's on this processor.

    Args:
        environ: the environment that TensorFlow was or will be loaded in.
        features: the processor's instruction sets. Default: those of this machine.
    """
    if environ.get(ONEDNN):
        return environ[ONEDNN].lower() in ("1", "true")
    return bool(_ONEDNN_BY_DEFAULT & (cpu_features() if features is None else features))


def missed_onednn(environ=os.environ, features=None) -> str:
    """What to export where a program has loaded TensorFlow without oneDNN; else empty.

    Args:
        environ, features: as for `onednn_is_on`.
    """
    if "tensorflow" not in sys.modules or environ.get(ONEDNN) or onednn_is_on(environ, features):
        return ""
    return (
        "TensorFlow was loaded without oneDNN, which it leaves off on this processor: steps of "
        f"training may take twice as long; export {ONEDNN}=1 before the program starts"
    )


def computes_on_cpu() -> bool:
    """Whether the backend, which is loaded, has nothing better than this machine's processor."""
    import keras

    # Keras cannot list PyTorch's devices, nor JAX's where there is no GPU.
    if keras_backend() == "torch":
        return keras.ops.zeros(()).device.type == "cpu"
    if keras_backend() == "jax":
        return keras.ops.zeros(()).device.platform == "cpu"
    return not keras.distribution.list_devices("gpu")


def import_tensorflow_quietly() -> None:
    """Import TensorFlow with its start-up messages held back.

    Set CAPS_HVD_TF_LOG=1 to see all messages, also those of the running program. Call it before
    anything else imports TensorFlow or Keras; later calls do nothing. oneDNN is switched on, unless
    TF_ENABLE_ONEDNN_OPTS is set.

    Raises:
        ImportError: as `import tensorflow` does, with the messages shown.
    """
    if "tensorflow" in sys.modules:
        return
    use_onednn(os.environ)
    if os.environ.get("CAPS_HVD_TF_LOG", "0") not in ("", "0"):
        import tensorflow

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with hold_stderr():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def hold_stderr():
    """Hold back what is written to file descriptor 2, from C++ too; show it if the body raises."""
    try:
        stderr_copy = os.dup(2)
    except OSError:  # no standard error at all: nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as scratch:
        sys.stderr.flush()
        os.dup2(scratch.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr_copy, 2)
            os.close(stderr_copy)
            if failed:
                scratch.seek(0)
                sys.stderr.write(scratch.read().decode(errors="replace"))
                sys.stderr.flush()
