"""Shell text from argument lists: every word quoted once, here and nowhere else.

A template is a shell script in which a line `#: name` stands for a block of lines; as it is, it is
a comment, so a template can be read, and checked by shellcheck, like the script that it becomes.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from importlib import resources

_WIDTH = 96


class Expression(str):
    """A word that the shell expands: `Expression("$SLURM_NTASKS")` is written `"$SLURM_NTASKS"`.

    Everything else is text, whatever it looks like. Made of literals of this package only, never
    of what somebody typed.
    """


def word(text: str) -> str:
    """One word of a command as the shell has to read it.

    Example:
        >>> word("it's"), word(Expression("$SLURM_NTASKS"))
        ("'it'\"'\"'s'", '"$SLURM_NTASKS"')
    """
    return f'"{text}"' if isinstance(text, Expression) else shlex.quote(text)


def command(words: Iterable[str], indent: str = "") -> str:
    """An argument list as a command of lines that are not too long.

    Example:
        >>> print(command(["echo", "a b", Expression("$@")]))
        echo 'a b' "$@"
    """
    lines, line = [], indent
    for text in map(word, words):
        if line.strip() and len(line) + len(text) > _WIDTH:
            lines.append(line.rstrip())
            line = indent + "    "
        line += text + " "
    return " \\\n".join([*lines, line.rstrip()])


def assignment(variable: str, value: str) -> str:
    """An assignment to a shell variable."""
    return f"{variable}={_value(value)}"


def setting(variable: str, environment_name: str, default: str) -> str:
    """An assignment of a default that a variable of the environment replaces.

    Example:
        >>> setting("venv", "CAPS_HVD_VENV", "/my envs/a")
        "venv=${CAPS_HVD_VENV:-'/my envs/a'}"
    """
    return f"{variable}=${{{environment_name}:-{_value(default)}}}"


def export(variables: Mapping[str, str]) -> str:
    """A command that puts variables into the environment.

    Example:
        >>> export({"A": "it's"})
        "export A='it'\"'\"'s'"
    """
    return " ".join(["export", *(assignment(name, value) for name, value in variables.items())])


def comment(text: str) -> str:
    """Text as a shell comment, line by line."""
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def fill(template: str, blocks: Mapping[str, str]) -> str:
    """A template of `launch/jobs/templates` with its blocks put in; empty ones leave no gap.

    Args:
        template: name of the file.
        blocks: name of a block -> its lines.
    """
    folder = resources.files("caps_hvd.launch.jobs").joinpath("templates")
    text = folder.joinpath(template).read_text("utf-8")

    def block_of(match):
        block = blocks[match[1]].rstrip("\n")
        return block and f"{block}\n"

    text = re.sub(r"^#: (\w+)\n", block_of, text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text)


def _value(text: str) -> str:
    # The shell does not split the value of an assignment.
    return str(text) if isinstance(text, Expression) else shlex.quote(text)
