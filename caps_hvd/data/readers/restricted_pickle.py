"""A loader of pickles that admits numpy arrays and plain containers, and nothing else.

`pickle.load` runs whatever the file names.  Here a file can name only what numpy's own arrays
and plain containers need, and each function is replaced by one that cannot be led to allocate
more than the file's bytes fill.
"""

import io
import pickle
import pickletools

import numpy as np


def load_plain(content: bytes):
    """Returns the object that is pickled in `content`.

    Admits None, booleans, numbers, strings, bytes, lists, tuples, dictionaries, sets and numpy
    arrays of numbers.  Reads what Python 2 wrote, strings as bytes.

    Args:
        content: the pickle, protocol 0 to 5.

    Raises:
        pickle.UnpicklingError: the pickle names anything else.
        Exception: whatever pickle raises on damaged bytes.
    """
    # A memo index in a damaged pickle makes the C unpickler allocate a table of that length.
    for opcode, argument, _ in pickletools.genops(content):
        if "PUT" in opcode.name and argument > len(content):
            raise pickle.UnpicklingError(f"memo index {argument} is out of range")
    return _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, only numpy arrays and plain containers are admitted"
            ) from None

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it names a persistent object")


# Stands for numpy.ndarray in a pickle: an argument of `_reconstruct` that cannot be called.
_NDARRAY = object()


def _reconstruct(kind, shape, code):
    """Returns the empty array that numpy's pickles start from; the state brings the values."""
    if kind is not _NDARRAY or tuple(shape) != (0,):
        raise pickle.UnpicklingError("it makes an array in another way than numpy does")
    return np.empty(0, np.uint8)


def _dtype(code, align=False, copy=False):
    """Returns the dtype of plain numbers that `code` names."""
    code = code.decode("ascii") if isinstance(code, bytes) else code
    if code not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        raise pickle.UnpicklingError(f"it holds an array of {code!r}, only numbers are admitted")
    # A copy, since the pickle sets the byte order of the object that it gets.
    return np.dtype(code, copy=True)


def _frombuffer(buffer, dtype, shape, order, axes=None):
    """Returns the array of a protocol 5 pickle; newer numpy also writes the order of its axes."""
    array = np.frombuffer(buffer, dtype).reshape(shape, order="C" if order == "K" else order)
    return array if axes is None else array.transpose(axes)


def _encode(text, encoding):
    """Returns the bytes that Python 3 wrote as text in protocol 2."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


def _no_bytes():
    """Returns what Python 3 wrote as a call in protocol 2."""
    return b""


_ADMITTED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}
for _builtins in ("__builtin__", "builtins"):  # protocols 2 and 3
    _ADMITTED[_builtins, "bytes"] = _no_bytes
    _ADMITTED[_builtins, "set"] = set
for _core in ("core", "_core"):  # numpy 1 and numpy 2
    _ADMITTED[f"numpy.{_core}.multiarray", "_reconstruct"] = _reconstruct
    _ADMITTED[f"numpy.{_core}.numeric", "_frombuffer"] = _frombuffer
