"""Lines of TOML keys, also in lists of tables; what is said of files that cannot be read."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.io import toml
from caps_hvd.io.toml import line_of, name_key

LISTS = """\
"a b" = 1
[[lane]]  # the first
width = 1

[[lane]]
kind.of = "x"
width = 2
[device]
width = 3
inline = [{ width = 4 }]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a b",), 1),
        (("lane",), 2),
        (("lane", 0), 2),
        (("lane", 0, "width"), 3),
        (("lane", 1), 5),
        (("lane", 1, "kind"), 6),
        (("lane", 1, "kind", "of"), 6),
        (("lane", 1, "width"), 7),
        (("lane", 7, "width"), 2),
        (("device", "width"), 9),
        (("device", "inline", 0, "width"), 10),
        (("nothing",), 0),
    ],
)
def test_lines_of_keys(path, line):
    assert line_of(LISTS, path) == line


def test_keys_have_names():
    assert name_key("a.toml", LISTS, ("lane", 1, "width")) == "a.toml: line 7: lane.1.width"
    assert name_key("a.toml", LISTS, ("nothing",)) == "a.toml: nothing"


def test_tables():
    document = toml.parse("[train]\nepochs = 2\n", "a.toml")
    assert document.table("train") == {"epochs": 2} and document.table("axes") == {}
    with pytest.raises(ConfigError, match=r"^a.toml: line 1: train: expected a table, received 3;"):
        toml.parse("train = 3", "a.toml").table("train")


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "a.toml"
    with pytest.raises(ConfigError, match=r"a.toml: cannot read the plan: No such file .*; go$"):
        toml.read(path, "the plan", "go")
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not a TOML file: .*utf-8"):
        toml.read(path)
    path.write_text("a = [1,\n")
    with pytest.raises(ConfigError, match="not a TOML file: .*in line 1, the last one"):
        toml.read(path)
