"""Parser of a Dockerfile: text in, stages of instructions out."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from container import ContainerFailure

KNOWN = ("ARG", "CMD", "COPY", "ENV", "LABEL", "RUN", "USER", "WORKDIR")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `line` in the file, `flags` as (name, value) pairs, and the `text` after."""

    line: int
    keyword: str
    flags: tuple[tuple[str, str], ...]
    text: str

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """The arguments: those of the JSON form as they are, others expanded and unquoted."""
        if self.text.startswith("["):
            return json.loads(self.text)
        return shlex.split(expand(self.text, variables))

    def assignments(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The pairs of ENV, LABEL or ARG; a name without a value has an empty one."""
        pairs = (word.partition("=") for word in self.words(variables))
        return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class Stage:
    """What one FROM begins: a `base` image or stage, a `name`, and the instructions."""

    line: int
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replaces $NAME, ${NAME} and ${NAME:-default}; a variable that is not set is empty."""

    def value(found: re.Match) -> str:
        name = found["plain"] or found["braced"]
        return variables.get(name) or found["default"] or ""

    pattern = r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\})"
    return re.sub(pattern, value, text)


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers: continued ones joined, comments and empty ones left out."""
    lines, pending, began = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        began = began if pending else number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1].strip() + " "
        else:
            lines.append((began, pending + line.strip()))
            pending = ""
    return lines


def parse_instruction(line: int, text: str) -> Instruction:
    """Splits a logical line into keyword, flags and the rest."""
    keyword, _, rest = text.partition(" ")
    flags = []
    while found := re.match(r"--([a-z]+)(?:=(\S+))?\s+", rest):
        flags.append((found[1], found[2] or ""))
        rest = rest[found.end() :]
    return Instruction(line, keyword.upper(), tuple(flags), rest.strip())


def parse(text: str, name: str = "Dockerfile") -> dict[str, Stage]:
    """Reads a Dockerfile into its stages by name, in order.

    Raises:
        ContainerFailure: an instruction that is not known, or that stands before the first FROM.
    """
    stages: dict[str, Stage] = {}
    stage = None
    for line, content in logical_lines(text):
        found = re.fullmatch(r"FROM (\S+)(?: AS (\S+))?", content, re.IGNORECASE)
        if found:
            stage = Stage(line, found[1], (found[2] or str(len(stages))).lower())
            stages[stage.name] = stage
            continue
        instruction = parse_instruction(line, content)
        if instruction.keyword not in KNOWN or stage is None:
            raise ContainerFailure(
                f"{name}: line {line}: expected FROM first, then one of {', '.join(KNOWN)}, "
                f"received {instruction.keyword}"
            )
        stage.instructions.append(instruction)
    return stages


def read(path: Path) -> dict[str, Stage]:
    """The stages of a file."""
    return parse(path.read_text(encoding="utf-8"), path.name)
