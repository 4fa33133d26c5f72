"""Builder of a Dockerfile's stages; each RUN and COPY is a layer, kept by what decides it."""

import hashlib
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from container import ContainerFailure, machine, root
from container.context import Context
from container.dockerfile import Instruction, Stage, expand

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Image:
    """What a stage is so far: layers, lowest first, and the settings to run with."""

    layers: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"
    command: tuple[str, ...] = ()

    @property
    def known(self) -> dict[str, str]:
        """The variables that an instruction can name: those of ENV hide those of ARG."""
        return {**self.arguments, **self.variables}


class Builder:
    """Builds targets of one Dockerfile.

    Args:
        stages: the Dockerfile's.
        context: the files for COPY.
        store: folder of layers and caches.
        cache: folder of caps_hvd's own cache, whose wheels a build may use.
        arguments: values for ARG.
    """

    def __init__(
        self,
        stages: dict[str, Stage],
        context: Context,
        store: Path,
        cache: Path,
        arguments: dict[str, str],
    ):
        self.stages, self.context, self.store, self.cache = stages, context, store, cache
        self.arguments = arguments
        self.images: dict[str, Image] = {}

    def build(self, target: str) -> Image:
        """Builds a stage and those that it needs; what is there already is not built again."""
        if target not in self.stages:
            raise ContainerFailure(f"no stage {target}: expected one of {', '.join(self.stages)}")
        if target not in self.images:
            stage = self.stages[target]
            if stage.base in self.stages:
                image = self.build(stage.base)
            else:
                image = Image(layers=(root.debian(stage.base, self.store),))
            for instruction in stage.instructions:
                image = self.apply(image, instruction)
            self.images[target] = image
        return self.images[target]

    def apply(self, image: Image, instruction: Instruction) -> Image:
        """The image after one more instruction."""
        keyword, known = instruction.keyword, image.known
        if keyword in ("RUN", "COPY"):
            return replace(image, layers=(*image.layers, self.layer(image, instruction)))
        if keyword == "ENV":
            variables = {**image.variables, **instruction.assignments(known)}
            return replace(image, variables=variables)
        if keyword == "ARG":
            values = instruction.assignments(known)
            given = {name: self.arguments.get(name, value) for name, value in values.items()}
            return replace(image, arguments={**image.arguments, **given})
        if keyword == "USER":
            return replace(image, user=expand(instruction.text, known))
        if keyword == "WORKDIR":
            return replace(image, folder=str(Path(image.folder, expand(instruction.text, known))))
        if keyword == "CMD":
            return replace(image, command=tuple(instruction.words({})))
        return image  # LABEL

    def layer(self, image: Image, instruction: Instruction) -> str:
        """The name of the layer that a RUN or COPY makes, made where it is not there yet."""
        copied_from = dict(instruction.flags).get("from")
        decides = [image.layers, image.user, image.folder, instruction.flags, instruction.text]
        if instruction.keyword == "RUN":
            decides.append(sorted(image.known.items()))
        elif copied_from:
            decides.append(self.build(copied_from).layers)
        else:
            *sources, _ = instruction.words(image.known)
            decides.append([self.context.digest(source) for source in sources])
        name = hashlib.sha256(repr(decides).encode()).hexdigest()[:16]
        final = self.store / "layers" / name
        shown = f"line {instruction.line}: {instruction.keyword} {instruction.text}"
        print(f"  {shown[:70]:<70}", end="", flush=True)
        if final.exists():
            os.utime(final)  # for forget_others
            print("  kept")
            return name
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.store / "work") as folder:
            upper = Path(folder, "upper")
            with root.mounted(image.layers, upper, self.store) as there:
                step = self.run if instruction.keyword == "RUN" else self.copy
                step(image, instruction, there)
            upper.rename(final)
        print(f"{time.monotonic() - began:6.1f} s")
        return name

    def run(self, image: Image, instruction: Instruction, there: Path) -> None:
        """A RUN: the caches that it asks for, then its command."""
        root.furnish(there)
        for flag, value in instruction.flags:
            self.mount(there, dict(pair.split("=", 1) for pair in value.split(",")), flag)
        log = self.store / "log" / f"line-{instruction.line}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = (
            instruction.words({})
            if instruction.text.startswith("[")
            else ["/bin/sh", "-c", instruction.text]
        )
        status = root.execute(
            there, command, user=image.user, folder=image.folder, variables=image.known, log=log
        )
        if status:
            said = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise ContainerFailure(
                f"line {instruction.line}: RUN ended with {status}: {' | '.join(said)} (log: {log})"
            )

    def mount(self, there: Path, options: dict[str, str], flag: str) -> None:
        """A RUN's --mount: a folder that outlives the build, under a name from its path."""
        if flag != "mount" or options.get("type") != "cache":
            raise ContainerFailure(
                f"RUN --{flag} {shlex.join(options)}: only --mount=type=cache is possible here; "
                "this target needs Docker"
            )
        target = options["target"]
        kept = self.store / "mounts" / target.strip("/").replace("/", "-")
        kept.mkdir(parents=True, exist_ok=True)
        root.bind(kept, there / target.lstrip("/"))
        if target == "/root/.cache":
            for part in ("horovod", "source"):  # a Horovod that was built here need not be again
                (self.cache / part).mkdir(parents=True, exist_ok=True)
                root.bind(self.cache / part, there / target.lstrip("/") / "caps_hvd" / part)

    def copy(self, image: Image, instruction: Instruction, there: Path) -> None:
        """A COPY from the context or from another stage."""
        *sources, last = instruction.words(image.known)
        place = there / str(Path(image.folder, last)).lstrip("/")
        into = last.endswith("/") or len(sources) > 1
        flags = dict(instruction.flags)
        if set(flags) - {"from"}:
            raise ContainerFailure(f"line {instruction.line}: COPY: only --from is known here")
        if "from" in flags:
            layers = self.build(flags["from"]).layers
            with (
                tempfile.TemporaryDirectory(dir=self.store / "work") as scratch,
                root.mounted(layers, Path(scratch, "from"), self.store) as other,
            ):
                for source in sources:
                    origin = other / source.lstrip("/")
                    place.parent.mkdir(parents=True, exist_ok=True)
                    machine.call("cp", "--archive", "--no-target-directory", origin,
                              place / origin.name if into else place)  # fmt: skip
            return
        for source in sources:
            single = (self.context.folder / source).is_file()
            self.context.copy(source, place / Path(source).name if into and single else place)

    def forget_others(self) -> None:
        """Removes the layers that no build used for a day."""
        in_use = {layer for image in self.images.values() for layer in image.layers}
        for layer in (self.store / "layers").iterdir():
            if layer.name not in in_use and time.time() - layer.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(layer)
