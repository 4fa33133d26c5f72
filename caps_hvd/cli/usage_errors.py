"""One line for a command line that click refuses: what was meant by a word in the wrong place.

Another command may have the option, a name may be the value of an option, and an option the name of
an argument; that is looked up in the commands themselves.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from caps_hvd.cli import wrong_values
from caps_hvd.errors import nearest

PROGRAM = "caps-hvd"
_EXTRA = re.compile(r"Got unexpected extra arguments? \((?P<words>.*)\)")
# Options that people try -> the argument, which has no name, that they mean.
_MEANT_ARGUMENTS = {"run_dir": "run", "config": "definition"}
# An argument as the help calls it -> what it is.
_ARGUMENTS = {
    "RUN": "the folder of a run, which training names at its end",
    "IMAGES...": "pictures, folders of them, .npz or .h5 files, or - for paths from a pipe",
    "SWEEP": "the folder of a sweep, such as sweeps/local",
    "DEFINITION": "a TOML file, such as jobs/local.toml",
    "SEARCH": "the folder of a search",
    "LANES": "a TOML file of lanes, such as jobs/mlcn/lanes.toml",
    "FILE": "a host file, such as hostfiles/lab15",
    "NAME": "a data set, such as mnist",
    "PATH": "the file to write, such as mnist.h5",
}
# How a scheduler's option begins in a job script -> what submits the script.
_SUBMITTED = {"#SBATCH": "sbatch", "#PBS": "qsub", "#$": "qsub", "#BSUB": "bsub <"}
# A command -> the option whose value a number is likely to be.
_NUMBERS = {"perturb": "--digit", "estimate": "--machines", "reconstruct": "--images"}


class Misplaced(click.UsageError):
    """A word in the wrong place; the message is whole."""


def explain(error: click.UsageError, root: click.Group) -> str:
    """The line for an error of click's.

    Args:
        error: what click found.
        root: the command that all others are below.
    """
    if isinstance(error, Misplaced):
        return error.message
    context = error.ctx
    path = context.command_path if context else PROGRAM
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error, path, root)
    if isinstance(error, click.MissingParameter) and error.param.param_type_name == "argument":
        name = error.param.make_metavar(context)
        if name in _ARGUMENTS:
            usage = f"`{path} {_arguments_of(context)}`"
            return f"{name}: expected {_ARGUMENTS[name]}; {usage}, and `--help` says more"
    if type(error) is click.BadParameter and error.param:  # and not a missing one
        return wrong_values.explain(error)
    message = " ".join(error.format_message().split()).rstrip(".").replace(". Did", "; did")
    if extra := _EXTRA.fullmatch(message):
        return _extra_word(extra["words"].split()[0], context)
    return f"{message}{'' if message.endswith('?') else ';'} `{path} --help` says more"


def no_such_command(word: str, context: click.Context, root: click.Group) -> str:
    """The line for a word in the place of a command.

    Args:
        word: what was given.
        context: of the group of commands that lacks it.
        root: the command that all others are below.
    """
    group, path = context.command, context.command_path
    listing = f"`{path} --help` lists the commands"
    if word == "help":
        return f"help: no command, but an option: {listing}, `{path} COMMAND --help` says more"
    if word.endswith(".sh"):
        return f"{word}: expected a command, received a script; start it with `{_start(word)}`"
    elsewhere = [full for full, _ in _walk(root) if full.split()[-1] == word]
    if elsewhere:
        return f"{word}: no command of `{path}`; did you mean `{elsewhere[0]}`?"
    if group is root and (option := _option_for(word, root.commands["train"])):
        return f"{word}: expected a command; did you mean `{path} train {option} {word}`?"
    if close := nearest(word, group.commands):
        return f"{word}: no such command{close} {listing}"
    names = "" if group is root else f" of {', '.join(sorted(group.commands))}"
    return f"{word}: expected a command{names}; {listing}"


def not_options(words: tuple[str, ...], context: click.Context) -> str:
    """The line for `caps-hvd submit` where a script or a command follows, empty where none does."""
    path, word = context.command_path, words[0]
    train = context.find_root().command.commands["train"]
    others = [name for name in words[1:] if name != "--"]
    if word.endswith(".sh") or (Path(word).is_file() and not _option_for(word, train)):
        return (
            f"{word}: expected options of training, received a script; `{path}` makes its script "
            f"itself, a finished one is started with `{_start(word, others)}`"
        )
    if word == "train":
        options = " ".join(others or ["..."])
        return f"train: `{path}` trains by itself; give its options alone: `{path} -- {options}`"
    return ""


def not_a_program(words: tuple[str, ...], ranks_known: bool, context: click.Context) -> str:
    """The line for `caps-hvd launch` where no program follows, empty where one does.

    Args:
        words: of the program.
        ranks_known: whether the options before it say how many ranks there are.
        context: of the command.
    """
    path, word = context.command_path, words[0]
    if word.isdecimal():
        return f"{word}: expected a program, received a number; did you mean `{path} -np {word}`?"
    if word in context.find_root().command.commands and not shutil.which(word):
        meant = " ".join([path, "--", PROGRAM, *words])
        return f"{word}: expected a program, received a command's name; did you mean `{meant}`?"
    if Path(word).is_file() and not os.access(word, os.X_OK):
        if word.endswith(".py"):
            return f"{word}: expected a program, received a Python script; put `python` before it"
        return (
            f"{word}: expected a program, received a file that cannot be run; did you mean "
            f"`{path} --hostfile {word}`?"
        )
    misplaced = [name for name in words[1:] if name in ("-np", "--hostfile", "-H", "--hosts")]
    if misplaced and not ranks_known:
        return (
            f"{misplaced[0]}: stands behind the program's name, so that the program gets it; put "
            f"it before: `{path} {misplaced[0]} ... -- {word} ...`"
        )
    return ""


def _no_such_option(error, path, root) -> str:
    option, context = error.option_name, error.ctx
    argument = _argument_for(option, context.command) if context else None
    if argument:
        return f"{option}: no option, but an argument without a name: `{path} {argument}`"
    names = {option, f"-{option.strip('-')}p"} if option in ("-n", "--n") else {option}
    names |= {"-np"} if option == "--np" else set()
    owners = [full for full, command in _walk(root) if names & _options_of(command)]
    owners.sort(key=lambda owner: owner.split()[1] not in ("train", "launch", "submit"))
    if path in owners:
        return f"{option}: no such option; did you mean -np? `{path} --help` lists them all"
    if not owners:
        close = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ";"
        return f"{option}: no such option{close} `{path} --help` lists them all"
    of = " and of ".join(f"`{owner}`" for owner in owners[:2])
    if path == PROGRAM:
        return (
            f"{option}: an option of {of}; it stands behind the command: `{owners[0]} {option} ...`"
        )
    line = f"{option}: no option of `{path}`, but of {of}"
    if path == f"{PROGRAM} train" and f"{PROGRAM} submit" in owners:
        return f"{line}, where it stands before --; `sbatch` takes it before the script's name"
    if path == f"{PROGRAM} train" and f"{PROGRAM} launch" in owners:
        return f"{line}, where it stands before the program's name"
    if path == f"{PROGRAM} launch":
        return f"{line}; what the program takes stands behind its name"
    return f"{line}; `{path} --help` lists its own"


def _extra_word(word, context) -> str:
    command, path = context.command, context.command_path
    if word == command.name:
        return f"{word}: is said already; expected options, such as `{path} --help`"
    if word.endswith(".sh"):
        return f"{word}: expected options, received a script; start it with `{_start(word)}`"
    if option := _option_for(word, command):
        return f"{word}: expected an option before it; did you mean {option} {word}?"
    takes = _arguments_of(context)
    alone = f"`{path} {takes}` takes no more words" if takes else "options begin with --"
    return f"{word}: one word too many; {alone}, and `{path} --help` lists the options"


def _arguments_of(context) -> str:
    """The arguments of a command as its help has them, such as `RUN IMAGES...`."""
    return " ".join(
        parameter.make_metavar(context)
        for parameter in context.command.params
        if parameter.param_type_name == "argument"
    )


def _start(script, options=()) -> str:
    """The command that starts a finished job script, by whose lines of options it has."""
    try:
        text = Path(script).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = "\n#SBATCH"
    words = next(
        (words for mark, words in _SUBMITTED.items() if f"\n{mark} " in f"{text} "), "bash"
    )
    given = f" {' '.join(options)}" if options and words == "sbatch" else ""
    return f"{words}{given} {script}"


def _option_for(word, command) -> str | None:
    """The option of a command that a word is likely to be the value of."""
    from caps_hvd.data import known

    for parameter in command.params:
        choices = getattr(parameter.type, "choices", ())
        if parameter.param_type_name == "option" and word in choices:
            return parameter.opts[0]
    likely = {
        "--dataset": word in known.names() or known.is_path(word),
        "--config": word.endswith(".toml"),
        "--run-dir": Path(word, "config.toml").is_file(),
        _NUMBERS.get(command.name): word.isdecimal(),
    }
    return next((name for name in _options_of(command) if likely.get(name)), None)


def _argument_for(option, command) -> str | None:
    """The argument that a command has in place of an option, as the help calls it."""
    name = option.lstrip("-").replace("-", "_")
    for parameter in command.params:
        if parameter.param_type_name == "argument" and parameter.nargs == 1:
            metavar = parameter.metavar or parameter.name.upper()
            if {name, _MEANT_ARGUMENTS.get(name)} & {parameter.name, metavar.lower()}:
                return metavar
    return None


def _options_of(command) -> set[str]:
    options = (each for each in command.params if each.param_type_name == "option")
    return {name for each in options for name in (*each.opts, *each.secondary_opts)}


def _walk(root) -> Iterator[tuple[str, click.Command]]:
    """The commands below a group that are no groups: what one types, and the command.

    Without those that no help lists.
    """

    def below(group, path):
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from below(command, f"{path} {name}")
            elif not command.hidden:
                yield f"{path} {name}", command

    return below(root, PROGRAM)
