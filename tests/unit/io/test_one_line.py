"""A name that others have chosen is told in one line."""

from pathlib import Path

import pytest

from caps_hvd.io.one_line import one_line


@pytest.mark.parametrize(
    "name, line",
    [
        ("plain name.png", "plain name.png"),
        ("größe/日本.png", "größe/日本.png"),
        ("two\nlines.png", "two\\nlines.png"),
        ("\x1b[31mred\r", "\\x1b[31mred\\r"),
        ("no\udcfftext", "no\\udcfftext"),
    ],
)
def test_a_name(name, line):
    assert one_line(name) == line
    assert one_line(Path(name)) == line
