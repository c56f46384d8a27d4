"""The file behind `RecordedChatModel`: what was asked of a model and what it said, one JSON line each."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.journal import locked_by_us
from ragkit.evaluate.json_log import JsonLog
from ragkit.evaluate.judges.recorded import NotRecordedError
from ragkit.testing.differences import first_difference, told

__all__ = ["GenerationLog", "NotRecordedError"]

_COMPARED_CHARS = 20_000


class _Entry(NamedTuple):
    card: Mapping[str, Any]
    asked: Mapping[str, Any]
    said: Sequence[Any]


class GenerationLog:
    """Lines of `{"key", "card", "asked", "said"}`; the key is a sha256 of card and question.

    It shares its floor with `ragkit.evaluate.journal` (lines that survive a crash, one writer at a time) and not its
    values: a journal keeps one text per question for judges, this keeps chunks, tool calls and usage, several times
    for one question if it was asked several times.

    Safe from many threads. A last line that a crash cut short is dropped.
    """

    def __init__(
        self, path: Path, card: Mapping[str, Any] | None, *, writing: bool, anew: bool = False, hint: str
    ) -> None:
        """Open a file, which need not exist.

        Args:
            path: Its folder is made when the first line is written.
            card: Whose generations are looked for; None takes the card that all lines of the file share.
            writing: Whether lines are added; then nobody else may add any.
            anew: Whether the first line added takes the place of all that are there.
            hint: The command that records anew, for messages.

        Raises:
            ConfigError: If no card is given and the file does not tell a single one.
            StoreLockedError: If another process writes to it.
            LoadError: If a line cannot be read; names file and line.
        """
        self.path = path
        self._hint = hint
        self._mutex = Lock()
        self._replayed: dict[str, int] = {}
        self._said: dict[str, list[_Entry]] = {}
        if writing:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = locked_by_us(path.with_name(f".{path.name}.lock"), str(path)) if writing else None
        self._log = JsonLog(path)
        try:
            # A log that is not loaded begins at its beginning.
            for key, entry in () if anew else self._log.load(_entry):
                self._said.setdefault(key, []).append(entry)
            self.card = dict(card) if card is not None else self._only_card()
        except BaseException:
            self.close()
            raise

    def key(self, asked: Mapping[str, Any]) -> str:
        """Give the content address of a question to the model of this log's card: a sha256 in hexadecimal."""
        return hashlib.sha256(
            _canonical({"card": self.card, "asked": asked}).encode(errors="surrogatepass")
        ).hexdigest()

    def find(self, asked: Mapping[str, Any]) -> Sequence[Any] | None:
        """Give what was said; asked again, what was said the next time, and after the last time that again."""
        key = self.key(asked)
        with self._mutex:
            if not (times := self._said.get(key)):
                return None
            turn = self._replayed.get(key, 0)
            self._replayed[key] = turn + 1
            return times[min(turn, len(times) - 1)].said

    def keep(self, asked: Mapping[str, Any], said: Sequence[Any]) -> None:
        """Keep what was said; it outlives a kill on return.

        Raises:
            InputError: If the log is closed or not for writing, or something in it is not JSON.
            StoreFullError: If the disk has no room.
        """
        key = self.key(asked)
        with self._mutex:
            if self._lock is None or not self._lock.held:
                raise InputError(f"the recording {self.path} is not open for writing: open it again to add to it.")
            self._log.append({"key": key, "card": self.card, "asked": asked, "said": list(said)}, sync=False)
            self._said.setdefault(key, []).append(_Entry(self.card, asked, said))

    def missing(self, asked: Mapping[str, Any]) -> NotRecordedError:
        """Make the error that says how the question differs from the nearest one that is recorded."""
        entries = [entry for times in self._said.values() for entry in times[:1]]
        where = f"{self.path.name}: "
        if not entries:
            why = f"{where}there is nothing in it" if self.path.exists() else f"{where}there is no such file yet"
        else:
            now = {"card": self.card, **asked}
            recorded = [{"card": entry.card, **entry.asked} for entry in entries]
            nearest = max(recorded, key=lambda entry: _likeness(entry, now))
            found = first_difference(nearest, now)
            why = f"{where}the nearest differs at {told(found)}" if found else f"{where}it was changed by hand"
        return NotRecordedError(f"this generation is not recorded in {why}. Record anew: {self._hint}")

    def close(self) -> None:
        """Let others write; what is in memory can still be read."""
        with self._mutex:
            if self._lock is not None:
                self._log.close()
                self._lock.release()

    def _only_card(self) -> dict[str, Any]:
        cards = {_canonical(entry.card): entry.card for times in self._said.values() for entry in times}
        if len(cards) > 1:
            raise ConfigError(f"{self.path} holds generations of {len(cards)} models: give the card of one of them.")
        return dict(next(iter(cards.values()), {}))


def _entry(document: Mapping[str, Any]) -> tuple[str, _Entry]:
    return str(document["key"]), _Entry(document["card"], document["asked"], document["said"])


def _canonical(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"what is asked cannot be recorded ({error}): use text, finite numbers, lists, dicts."
        ) from error


def _likeness(one: Any, other: Any) -> float:
    known, asked = (_canonical(value)[:_COMPARED_CHARS] for value in (one, other))
    return difflib.SequenceMatcher(None, known, asked, autojunk=False).quick_ratio()
