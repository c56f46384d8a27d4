from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragkit.errors import InputError, LoadError, StoreLockedError
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.evaluate.journal import Journal

_ASK = Ask(messages=[Message("user", "Is it so?")], schema={"type": "object"}, sample=1)
_REPLY = Reply(text="Yes, naïve\n", input_tokens=3, output_tokens=2, cost_usd=0.01, seconds=0.5)


def test_a_reply_is_there_after_the_journal_was_closed_and_opened(tmp_path: Path) -> None:
    with Journal(tmp_path / "replies.jsonl") as journal:
        assert journal.get("k") is None
        journal.put("k", _ASK, _REPLY)
        assert journal.get("k") == _REPLY
    with Journal(tmp_path / "replies.jsonl") as journal:
        assert (journal.get("k"), len(journal)) == (_REPLY, 1)


def test_a_line_holds_key_question_and_reply(tmp_path: Path) -> None:
    with Journal(tmp_path / "replies.jsonl") as journal:
        journal.put("k", _ASK, _REPLY)
    assert json.loads((tmp_path / "replies.jsonl").read_bytes()) == {
        "key": "k",
        "ask": {
            "messages": [{"role": "user", "content": "Is it so?"}],
            "schema": {"type": "object"},
            "sample": 1,
        },
        "reply": {
            "text": "Yes, naïve\n",
            "input_tokens": 3,
            "output_tokens": 2,
            "cost_usd": 0.01,
            "seconds": 0.5,
        },
    }


def test_what_was_said_first_stands(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with Journal(path) as journal:
        journal.put("k", _ASK, Reply(text="first"))
        journal.put("k", _ASK, Reply(text="second"))
        assert journal.get("k") == Reply(text="first")
    path.write_bytes(path.read_bytes() + path.read_bytes().replace(b"first", b"third"))
    with Journal(path) as journal:
        assert journal.get("k") == Reply(text="first")


def test_a_reply_that_a_kill_cut_short_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with Journal(path) as journal:
        journal.put("a", _ASK, _REPLY)
        journal.put("b", _ASK, _REPLY)
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(path) as journal:
        assert (journal.get("a"), journal.get("b")) == (_REPLY, None)
        journal.put("b", _ASK, _REPLY)
    assert len(path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("line", ['{"key":"k"}', '{"key":"k","reply":{"txt":"x"}}', "[]", "7"])
def test_a_changed_line_is_named_by_file_and_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(LoadError, match=r"replies\.jsonl:1: the line cannot be read"):
        Journal(path)
    path.unlink()
    Journal(path).close()  # the failed opening has let go of the lock


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    with Journal(tmp_path / "replies.jsonl") as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: journal.put(str(place), _ASK, Reply(text=str(place))), range(100)))
    with Journal(tmp_path / "replies.jsonl") as journal:
        assert {reply.text for reply in journal.replies()} == {str(place) for place in range(100)}


def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    script = (
        "import sys; from pathlib import Path; from ragkit.evaluate.journal import Journal; Journal(Path(sys.argv[1]))"
    )
    with Journal(path):
        second = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert "replies.jsonl is being written by process" in second.stderr
    assert "wait for it to end, or use another folder" in second.stderr


def test_a_second_journal_of_the_same_process_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = Journal(tmp_path / "replies.jsonl")
    with pytest.raises(StoreLockedError, match=r"replies\.jsonl is being written by process \d+"):
        Journal(tmp_path / "replies.jsonl")
    first.close()
    Journal(tmp_path / "replies.jsonl").close()


def test_a_recording_is_replayed_without_a_lock_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with Journal(path) as journal:
        journal.put("k", _ASK, _REPLY)
        with Journal(path, read_only=True) as recording:
            assert recording.get("k") == _REPLY
            with pytest.raises(InputError, match="is not open for writing here"):
                recording.put("x", _ASK, _REPLY)


def test_a_closed_journal_can_be_read_and_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "replies.jsonl")
    journal.put("k", _ASK, _REPLY)
    journal.close()
    journal.close()
    assert journal.get("k") == _REPLY
    with pytest.raises(InputError, match="is not open for writing here: open it again"):
        journal.put("x", _ASK, _REPLY)
