"""Plain values to dataclasses and back; an error names the key, what was expected and what came."""

import dataclasses
import enum

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io.typed import (
    Count,
    NonEmpty,
    NonNegative,
    convert,
    formerly,
    plain,
    read_json,
    write_json,
)


class Status(enum.StrEnum):
    WAITING = "waiting"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    seconds: float | None = formerly("time", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    schema: str = "whole/2"
    count: Count = 1
    share: NonNegative = 0.0
    flag: bool = False
    status: Status = Status.WAITING
    pair: tuple[int, ...] = ()
    names: NonEmpty[str] = dataclasses.field(default_factory=lambda: ["a"])
    parts: list[Part] = dataclasses.field(default_factory=list)
    by_name: dict[str, Part] = dataclasses.field(default_factory=dict)
    more: dict = dataclasses.field(default_factory=dict)


WHOLE = Whole(
    count=2, share=0.5, status=Status.FAILED, pair=(1, 2), parts=[Part(name="a", seconds=1.0)],
    by_name={"b": Part(name="b")}, more={"any": [1, "x"]},
)  # fmt: skip


def test_what_is_plain_comes_back_as_it_was():
    values = plain(WHOLE)
    assert values["parts"] == [{"name": "a", "seconds": 1.0}] and values["pair"] == [1, 2]
    assert type(values["status"]) is str
    assert convert(values, Whole) == WHOLE
    assert convert(plain([WHOLE, WHOLE]), list[Whole]) == [WHOLE, WHOLE]


def test_a_key_of_an_older_file():
    assert convert({"name": "a", "time": 2}, Part) == Part(name="a", seconds=2.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "x: count: expected an integer of at least 1, received 0"),
        ({"count": True}, "x: count: expected an integer of at least 1, received True"),
        ({"share": float("nan")}, "x: share: expected a number of at least 0, received nan"),
        ({"flag": 1}, "x: flag: expected bool, received 1"),
        ({"status": "gone"}, "x: status: expected one of waiting, failed, received 'gone'"),
        ({"pair": [1, "2"]}, "x: pair [1]: expected int, received '2'"),
        ({"names": []}, "x: names: expected at least one, received none"),
        ({"parts": [{}]}, "x: parts [0]: a name is missing; expected the keys name, seconds"),
        ({"by_name": {"c": 3}}, "x: by_name c: expected an object, received 3"),
        (
            {"by_name": {"c": {"name": "c", "sec": 1}}},
            "x: by_name c: unknown key 'sec'; expected the keys name, seconds",
        ),
        ([], "x: expected an object, received []"),
    ],
)
def test_says_what_is_wrong(values, message):
    with pytest.raises(ConfigError) as caught:
        convert(values, Whole, "x", ConfigError)
    assert str(caught.value) == message


def test_files(tmp_path):
    path = tmp_path / "whole.json"
    write_json(path, WHOLE)
    assert read_json(path, Whole, "the whole") == WHOLE
    path.write_text('{"schema": "whole/1"}')
    assert read_json(path, Whole, "the whole", older=("whole/1",)) == Whole()
    with pytest.raises(RunError, match=r"schema: expected 'whole/2', received 'whole/1'; go$"):
        read_json(path, Whole, "the whole", "go")
    with pytest.raises(RunError, match="cannot read the whole: No such file or directory$"):
        read_json(tmp_path / "none.json", Whole, "the whole")
