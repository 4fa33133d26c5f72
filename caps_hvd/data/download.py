"""Downloads of data sets, from where Keras fetches them into where Keras keeps them.

The files end in `~/.keras/datasets` (`$KERAS_HOME/datasets`) under Keras's names, so what Keras
has fetched is found and the other way round.  A file appears under its name only when it is
complete and its checksum is right, so ranks that fetch at the same time do no harm.
"""

import hashlib
import http.client
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from caps_hvd.errors import DataError
from caps_hvd.io.atomic import replacing

_TIMEOUT_S = 20
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class RemoteFile:
    """A file in the network: its address, its name in the cache, its checksum's kind and value."""

    url: str
    name: str
    algorithm: str
    digest: str


_FASHION = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
REMOTE = {
    "mnist": (
        RemoteFile(
            _KERAS + "mnist.npz",
            "mnist.npz",
            "sha256",
            "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        ),
    ),
    "fashion_mnist": tuple(
        RemoteFile(_KERAS + name, f"fashion-mnist/{name}", "md5", digest)
        for name, digest in _FASHION.items()
    ),
    "cifar10": (
        RemoteFile(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "cifar-10-python.tar.gz",
            "sha256",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
}


def cache_folder() -> Path:
    """Returns the folder where Keras keeps data sets."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "datasets"


def download(name: str) -> None:
    """Fetches the files of a data set that the cache lacks.

    Raises:
        DataError: there is no network, or what came is not the file that was expected.
    """
    for remote in REMOTE[name]:
        target = cache_folder() / remote.name
        if not target.is_file():
            _fetch(remote, target)


def _fetch(remote: RemoteFile, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(remote.url, timeout=_TIMEOUT_S) as response:
            content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{remote.url}: {' '.join(str(error).split())}") from error
    received = hashlib.new(remote.algorithm, content, usedforsecurity=False).hexdigest()
    if received != remote.digest:
        raise DataError(
            f"{remote.url}: expected {remote.algorithm} {remote.digest}, received {received}; "
            "try again, or fetch the file in another way"
        )
    with replacing(target, DataError) as partial:
        partial.write_bytes(content)
