"""The journal of a search: what a kill leaves is mended, what is damaged is named by its line."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from caps_hvd.errors import RunError
from caps_hvd.records import optuna_lock
from caps_hvd.records.optuna_journal import JOURNAL, read_study
from tests.unit.search.shared_search import Pretended, lines, search


@pytest.fixture
def journal(tmp_path):
    search(tmp_path, total=3).run(Pretended(tmp_path))
    return tmp_path / JOURNAL


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_last_line_that_was_cut_off_is_no_damage(journal, cut):
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-cut])
    own = search(journal.parent, total=5)
    own.reclaim()
    own.run(Pretended(journal.parent))
    # Its last operation was the third candidate's result, which is made again.
    assert [line[0] for line in lines(journal.parent, "ended")] == ["0", "1", "2", "2", "3", "4"]
    read_study(journal.parent)


def test_a_line_that_is_cut_off_while_others_work_is_no_damage(journal):
    own = search(journal.parent, total=5)
    with open(journal, "ab") as file:
        file.write(b'{"op_code": 6, "worker')
    own.run(Pretended(journal.parent))
    assert len(read_study(journal.parent).get_trials()) == 5


def test_a_part_of_a_line_that_comes_while_another_waits_for_its_turn_is_no_damage(journal):
    """Who writes is killed in the middle, and leaves its lock to one that already waits."""
    own = search(journal.parent, total=3)
    with optuna_lock.held(journal), ThreadPoolExecutor() as pool:
        written = pool.submit(own.study.set_user_attr, "a", 1)
        time.sleep(0.1)
        with open(journal, "ab") as file:
            file.write(b'{"op_code": 6, "worker')
        Path(f"{journal}.lock").unlink()
        written.result(60)
    assert read_study(journal.parent).user_attrs["a"] == 1


@pytest.mark.filterwarnings("ignore:The value of `grace_period`")
def test_a_lock_of_the_dead_is_taken_over_in_a_folder_with_a_relative_name(journal, monkeypatch):
    monkeypatch.chdir(journal.parent.parent)
    monkeypatch.setattr(optuna_lock, "GRACE_SECONDS", 1)
    Path(f"{journal}.lock").touch()
    search(journal.parent.name, total=4).run(Pretended(journal.parent))
    assert len(read_study(journal.parent.name).get_trials()) == 4


def test_whose_lock_was_taken_leaves_that_of_its_successor(tmp_path):
    lock = tmp_path / "claim.lock"
    with optuna_lock.held(tmp_path / "claim"):
        lock.write_text("the successor's")
    assert lock.read_text() == "the successor's"
    lock.unlink()
    with optuna_lock.held(tmp_path / "claim"):
        assert lock.exists()
    assert not lock.exists()


def test_reading_writes_nothing(journal):
    with open(journal, "ab") as file:
        file.write(b'{"op_code": 6, "worker')
    before = journal.read_bytes()
    assert len(read_study(journal.parent).get_trials()) == 3
    assert journal.read_bytes() == before
    assert not Path(f"{journal}.lock").exists()


def test_a_journal_that_cannot_be_written_is_named(journal, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(optuna_lock, "held", refuse)
    with pytest.raises(RunError, match=r"journal\.log: cannot use the journal: Permission denied;"):
        search(journal.parent)


@pytest.mark.parametrize(
    ("line", "received"),
    [
        (b"\xff\x00 garbage", "garbage"),
        (b'{"op_code": 6, "worker_id": "a", "tr', '"tr'),
        (b'["op_code", "worker_id"]', "op_code"),
        (b"", "''"),
        (b'{"op_code": 6, "worker_id": "a"}', "KeyError: 'trial_id'"),
        (b'{"op_code": 99, "worker_id": "a"}', "Should not reach"),
    ],
)
def test_a_damaged_journal_is_named_with_its_line(journal, line, received):
    text = journal.read_bytes().splitlines()
    text[4] = line
    journal.write_bytes(b"\n".join(text) + b"\n")
    for refused in (search, read_study):
        with pytest.raises(RunError) as caught:
            refused(journal.parent)
        message = str(caught.value)
        assert message.startswith(f"{journal}: line 5: the journal is damaged: ")
        assert received in message and "\n" not in message
        assert re.search(r"begin anew in another folder \(--output\)$", message)


def test_a_folder_without_a_journal(tmp_path):
    for _ in range(2):
        with pytest.raises(RunError, match=r"it has no journal\.log, or an empty one; name one"):
            read_study(tmp_path)
        (tmp_path / JOURNAL).touch()
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(RunError, match="--output: cannot use the folder"):
        search(file)
