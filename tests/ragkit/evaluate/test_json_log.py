from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError, LoadError, StoreFullError
from ragkit.evaluate.json_log import JsonLog, json_line

_DOCUMENTS = st.lists(
    st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
)


def _as_it_is(document: Any) -> Any:
    return document


def _filled(path: Path, *documents: dict[str, Any]) -> None:
    log = JsonLog(path)
    for document in documents:
        log.append(document)
    log.close()


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert JsonLog(tmp_path / "log").load(_as_it_is) == []


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    _filled(tmp_path / "log", {"a": 1}, {"a": 2})
    assert JsonLog(tmp_path / "log").load(_as_it_is) == [{"a": 1}, {"a": 2}]
    assert (tmp_path / "log").read_bytes() == b'{"a":1}\n{"a":2}\n'


def test_a_line_holds_any_text_as_utf_8_and_half_of_a_surrogate_pair_as_its_escape() -> None:
    line = json_line({"t": "naïve\n\u2028\ud800"})
    assert line == '{"t":"naïve\\n\u2028'.encode() + b'\\ud800"}\n'
    assert json.loads(line) == {"t": "naïve\n\u2028\ud800"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", Path("x")])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"a line of the run is not JSON \(.*\): use text, finite numbers"):
        json_line({"a": value})


_LAST = {"last": "…"}


@given(_DOCUMENTS, st.integers(1, len(json_line(_LAST))))
@settings(max_examples=50, deadline=None)
def test_every_cut_of_the_last_line_loses_that_line_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, Any]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(map(json_line, [*documents, _LAST]))[:-cut])
    # Without its newline alone, the line is whole.
    kept = [*documents, *([_LAST] if cut == 1 else [])]
    log = JsonLog(path)
    assert log.load(_as_it_is) == kept
    log.append({"next": 1})
    log.close()
    assert JsonLog(path).load(_as_it_is) == [*kept, {"next": 1}]


def test_a_torn_last_line_is_cut_when_the_next_is_appended_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"a":')
    log = JsonLog(path)
    log.load(_as_it_is)
    assert path.read_bytes() == b'{"a":1}\n{"a":'
    log.append({"a": 2})
    log.close()
    assert path.read_bytes() == b'{"a":1}\n{"a":2}\n'


def test_a_last_line_of_zeros_after_a_power_cut_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n' + b"\0" * 10 + b"\n")
    assert JsonLog(path).load(_as_it_is) == [{"a": 1}]


def test_holes_that_a_power_cut_left_between_lines_are_dropped_and_stay_harmless(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"a":' + b"\0" * 9 + b'}\n{"a":3}\n')
    log = JsonLog(path)
    assert log.load(_as_it_is) == [{"a": 1}, {"a": 3}]
    log.append({"a": 4})
    log.close()
    assert JsonLog(path).load(_as_it_is) == [{"a": 1}, {"a": 3}, {"a": 4}]


def test_a_line_that_is_not_synced_is_there_for_others_and_synced_on_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonLog(tmp_path / "log")
    log.append({"a": 1})
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    log.append({"a": 2}, sync=False)
    assert JsonLog(tmp_path / "log").load(_as_it_is) == [{"a": 1}, {"a": 2}]
    assert synced == []
    log.close()
    assert len(synced) == 1


def test_a_damaged_line_in_the_middle_is_named_by_file_and_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"a":\n{"a":3}\n')
    with pytest.raises(LoadError, match=r"log:2: the line cannot be read \(JSONDecodeError: .*delete it to have its"):
        JsonLog(path).load(_as_it_is)


def test_a_line_of_another_shape_is_named_even_where_it_is_the_last(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"b":1}\n')
    with pytest.raises(LoadError, match=r"log:2: the line cannot be read \(KeyError: 'a'\)"):
        JsonLog(path).load(lambda document: document["a"])


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    log = JsonLog(path)
    log.append({"a": 1})
    write = os.write

    def half(descriptor: int, content: bytes) -> int:
        if len(content) > 4:
            return write(descriptor, content[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        with pytest.raises(StoreFullError, match="the disk is full"):
            log.append({"a": 2})
    assert path.read_bytes() == b'{"a":1}\n'
    log.append({"a": 3})
    log.close()
    assert JsonLog(path).load(_as_it_is) == [{"a": 1}, {"a": 3}]
