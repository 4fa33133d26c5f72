"""Roots to run commands in: Debian by debootstrap, layers as overlays, what Docker mounts.

All mounts are made in a mount namespace of this program's own (`enter_namespaces`), so that the
kernel undoes them when it ends, however it ends.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from container import ContainerFailure, machine
from container.machine import call

_ENTERED = "CAPS_HVD_CONTAINER_ENTERED"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_SETTINGS = "/run/machine"  # where pip's settings and what they name appear
_SHARED_MEMORY = "64m"  # what Docker gives without --shm-size


def enter_namespaces() -> None:
    """Start this program again with mounts and processes of its own; returns inside of them."""
    if os.environ.pop(_ENTERED, None):
        return
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.environ[_ENTERED] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def debian(image: str, store: Path) -> str:
    """Makes the root of an image such as debian:bookworm-slim once; returns its layer's name."""
    name, _, tag = image.partition(":")
    if name != "debian" or not tag.endswith("-slim"):
        raise ContainerFailure(f"FROM {image}: expected debian:SUITE-slim, the rest needs Docker")
    suite = tag.removesuffix("-slim")
    sources = machine.debian_sources(suite)
    settings = machine.apt_settings()
    key = hashlib.sha256(repr((image, sources, settings)).encode()).hexdigest()[:16]
    final = store / "layers" / key
    if final.exists():
        return key
    partial, packages = store / "work" / "debian", store / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
    call(
        "debootstrap", "--variant=minbase", f"--cache-dir={packages}", suite, partial, sources[0][0]
    )
    lines = (f"deb {uri} {release} main\n" for uri, release in sources)
    (partial / "etc/apt/sources.list").write_text("".join(lines))
    (partial / "etc/apt/apt.conf.d/50machine").write_text(settings)
    shutil.rmtree(partial / "var/cache/apt/archives", ignore_errors=True)
    partial.rename(final)
    return key


@contextlib.contextmanager
def mounted(layers: Sequence[str], upper: Path, store: Path) -> Iterator[Path]:
    """The root that layers make, lowest first; what is written goes to `upper`.

    Args:
        layers: names in `store`/layers.
        upper: folder, created where it is missing.
        store: the folder of everything that this program keeps.
    """
    work, point = upper.with_name(upper.name + ".work"), upper.with_name(upper.name + ".root")
    for folder in (upper, work, point):
        folder.mkdir(parents=True, exist_ok=True)
    # Names relative to the layers: a page must hold them all.
    above, beside = (os.path.relpath(folder, store / "layers") for folder in (upper, work))
    options = f"lowerdir={':'.join(reversed(layers))},upperdir={above},workdir={beside}"
    call("mount", "-t", "overlay", "overlay", "-o", options, point, cwd=store / "layers")
    try:
        yield point
    finally:
        call("umount", "--recursive", point)
        shutil.rmtree(work)
        point.rmdir()


def furnish(root: Path) -> None:
    """Mounts what Docker mounts: processes, devices, names of the network; and pip's settings."""
    call("mount", "-t", "proc", "proc", root / "proc")
    call("mount", "-t", "sysfs", "-o", "ro", "sysfs", root / "sys")
    call("mount", "-t", "tmpfs", "-o", "mode=755", "dev", root / "dev")
    for device in _DEVICES:
        (root / "dev" / device).touch()
        call("mount", "--bind", f"/dev/{device}", root / "dev" / device)
    for link, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (root / "dev" / link).symlink_to(f"/proc/self/fd{target}")
    for folder, kind, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
        ("shm", "tmpfs", f"mode=1777,size={_SHARED_MEMORY}"),
    ):
        (root / "dev" / folder).mkdir()
        call("mount", "-t", kind, "-o", options, folder, root / "dev" / folder)
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    for name in ("etc/resolv.conf", "etc/hosts"):
        if Path("/", name).exists():
            bind(Path("/", name), root / name)
    call("mount", "-t", "tmpfs", "-o", "mode=755", "run", root / "run")
    text, mounts = machine.pip_settings(_SETTINGS)
    (root / _SETTINGS[1:]).mkdir()
    (root / _SETTINGS[1:] / "pip.conf").write_text(text)
    for here, there in mounts:
        bind(here, root / there[1:])


def bind(here: Path, there: Path) -> None:
    """Shows a file or folder of this machine at a path below a root."""
    if here.is_dir():
        there.mkdir(parents=True, exist_ok=True)
    elif not there.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.touch()
    call("mount", "--bind", here, there)


def execute(
    root: Path,
    command: Sequence[str],
    *,
    user: str,
    folder: str,
    variables: Mapping[str, str],
    log: Path | None = None,
) -> int:
    """Runs a command in a furnished root; its output goes to `log`, or through.

    Args:
        root: where the root is mounted.
        command: program and arguments.
        user: name or number of the user; the group and the home are the user's.
        folder: working folder in the root; created where it is missing, as WORKDIR does.
        variables: the whole environment, HOME apart, which a variable can set.
        log: file for standard output and error together.

    Returns:
        The exit status.
    """
    number, group, home = account(root, user)
    (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    start = ["chroot", f"--userspec={number}:{group}", f"--groups={group}", str(root)]
    start += ["/bin/sh", "-c", 'cd "$0" && exec "$@"', folder]
    settings = {"HOME": home, "PIP_CONFIG_FILE": f"{_SETTINGS}/pip.conf"}
    with log.open("w") if log else contextlib.nullcontext() as stream:
        done = subprocess.run(
            [*start, *command],
            env={**machine.environment(), **settings, **variables},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT if stream else None,
            check=False,
        )
    return done.returncode


def account(root: Path, user: str) -> tuple[int, int, str]:
    """Number, group and home of a user, by name or number."""
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, number, group, _, home, _ = line.split(":")
        if user in (name, number):
            return int(number), int(group), home
    raise ContainerFailure(f"USER {user}: not in the image's /etc/passwd")
