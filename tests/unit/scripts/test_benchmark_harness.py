"""What the benchmarks share: command lines, turns, comparisons, child processes, records."""

import json
import os

import pytest

from benchmarks import harness


class TestArguments:
    OPTIONS = {
        "rounds": (3, "timed steps"),
        "mib": ([1, 31.3], "sizes"),
        "ways": ([], "names"),
        "output_file": (None, "a file"),
        "worker": (False, "as a rank"),
    }

    def parse(self, monkeypatch, *words):
        monkeypatch.setattr("sys.argv", ["benchmark", *words])
        return vars(harness.arguments("A benchmark.\n\nMore.", **self.OPTIONS))

    def test_defaults(self, monkeypatch):
        defaults = {name: default for name, (default, _) in self.OPTIONS.items()}
        assert self.parse(monkeypatch) == defaults

    def test_values_have_the_type_of_the_default(self, monkeypatch):
        found = self.parse(
            monkeypatch,
            *("--rounds", "5", "--mib", "2", "0.5", "--ways", "a", "b"),
            *("--output-file", "x.json", "--worker"),
        )
        assert found == {
            "rounds": 5,
            "mib": [2, 0.5],
            "ways": ["a", "b"],
            "output_file": "x.json",
            "worker": True,
        }

    def test_help_is_the_first_line(self, monkeypatch, capsys):
        with pytest.raises(SystemExit):
            self.parse(monkeypatch, "--help")
        said = capsys.readouterr().out
        assert "A benchmark." in said and "More." not in said


class TestTurns:
    def test_warm_up_is_not_counted(self):
        calls = []
        steps = {name: lambda name=name: calls.append(name) for name in "ab"}
        seconds = harness.take_turns(steps, rounds=2, warm_up=1)
        assert calls == list("ababab")
        assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}

    def test_comparisons_are_of_neighbours(self):
        seconds = {"a": [1.0, 20.0, 3.0], "b": [2.0, 10.0, 1.5]}
        assert harness.compared(seconds, "a / b", unit="ms") == {
            "a: ms": 3000.0,
            "b: ms": 2000.0,
            "a / b": 2.0,
        }

    def test_the_slowest_rank_counts(self):
        class Ranks:
            def barrier(self):
                pass

            def allreduce(self, value, op):
                assert op == "max"
                return 7.0

        found = harness.take_turns_on_ranks(Ranks(), {"a": lambda: None}, rounds=3)
        assert found["a"][0] == 7.0
        assert 0 <= found["a"][1] < 1


def test_a_child_is_another_process():
    assert harness.in_child(os.getpid) != os.getpid()
    assert harness.in_child(divmod, 7, 2) == (3, 1)


def test_a_record_says_how_it_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["x", "--rounds", "1"])
    harness.write_record("adam", {"weights": 8, "one pass: ms": 0.25})
    record = json.loads((tmp_path / "adam.json").read_text())
    assert record["command"] == "python -m benchmarks.adam --rounds 1"
    assert record["figures"] == {"weights": 8, "one pass: ms": 0.25}
    assert set(record) == {"benchmark", "command", "machine", "versions", "figures"}
    assert set(record["machine"]) == {"cpu", "vectors", "cores"}
    assert "one pass: ms  0.25" in capsys.readouterr().out
