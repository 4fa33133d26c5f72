"""README.md names every room of the package."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


def test_every_room_has_its_line():
    text = REPOSITORY.joinpath("README.md").read_text(encoding="utf-8")
    section = text.split("## Where things are")[1].split("\n## ")[0]
    package = REPOSITORY / "caps_hvd"
    rooms = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.name for path in package.glob("*.py")} - {"__init__.py"}
    assert sorted(re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)) == sorted(rooms)
