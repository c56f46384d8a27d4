"""A run is a folder: what was asked for, the rows worked so far, what models said, and what came of it.

    config.json      command, data set, configuration, sha256 of the inputs, seeds, versions: what makes it this run
    rows.jsonl       one line for each finished block of rows, with its seconds: where a resume goes on
    replies.jsonl    what models said (`journal.py`)
    per_query.jsonl  the rows in order
    metrics.json     the measures
    report.html      the page to read
    usage.json       seconds, calls, tokens, cost

The same inputs give the same bytes of all but `usage.json` and the part on latency in `report.html`.

Killed at any moment, a run loses at most the blocks being worked, and the replies that models gave inside them are
kept. A power cut loses a tenth of a second of rows more, and no reply: rows are synced ten times a second, replies one
by one. A folder is resumed only as the same run, with the same versions: results are never mixed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from ragkit.disk.files import atomic_write
from ragkit.disk.lock import WriterLock
from ragkit.errors import ConfigError, InputError, LoadError, shorten
from ragkit.evaluate.blocks import at_least_one, check_rows, each_once, worked
from ragkit.evaluate.identity import first_difference, identity
from ragkit.evaluate.journal import Journal, locked_by_us
from ragkit.evaluate.json_log import JsonLog, json_line
from ragkit.evaluate.outcome import Estimate, Row
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.usage import Usage, usage_of

__all__ = ["RunFolder"]

_SYNC_S = 0.1

_Work = Callable[[Sequence[str]], Sequence[Row]]


class RunFolder:
    """One run in its folder; made by `RunFolder.open`, used with `with`, by one process at a time."""

    def __init__(
        self, folder: Path, document: Mapping[str, Any], lock: WriterLock, *, clock: Callable[[], float]
    ) -> None:
        """Read what the folder holds; `open` makes and checks it first."""
        self.folder = folder
        self.document = document
        """What `config.json` holds."""
        self._lock = lock
        self._clock = clock
        self._mutex = Lock()
        self._synced = -math.inf
        self._journal: Journal | None = None
        self._log = JsonLog(folder / "rows.jsonl")
        self._blocks: list[tuple[float, int]] = []
        self._rows: dict[str, Row] = {}
        for seconds, rows in self._log.load(_block):
            self._remember(seconds, rows)
        self._rows = {row_id: row for row_id, row in self._rows.items() if not row.may_pass}

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        command: str,
        dataset: str,
        config: Mapping[str, Any],
        inputs: Mapping[str, Path] | None = None,
        seeds: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> Self:
        """Begin a run in a new or empty folder, or resume the same run in its folder.

        Args:
            folder: Made if it is missing.
            command: What runs, such as `eval retrieval`.
            dataset: Name of the data set.
            config: Everything else that decides the results, as JSON: models with their revisions, k, prompts.
            inputs: Files that were read, by what they are (`qrels`); their content counts, not their path.
            seeds: By what they are for.
            clock: Gives seconds; only differences count.

        Raises:
            ConfigError: If the folder holds another run (the first key that differs is named) or other files, if
                `config` is not JSON, or if an input is no file.
            StoreLockedError: If another process works in the folder.
            LoadError: If a file of the run was changed and cannot be read; names file and line.
        """
        document = identity(command=command, dataset=dataset, config=config, inputs=inputs or {}, seeds=seeds or {})
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked_by_us(folder / ".lock", str(folder))
        try:
            _begin_or_resume(folder, document)
            return cls(folder, document, lock, clock=clock)
        except BaseException:
            lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def journal(self) -> Journal:
        """What models said in this run; opened on first use, closed with the run."""
        with self._mutex:
            if self._journal is None:
                self._journal = Journal(self.folder / "replies.jsonl")
            return self._journal

    def work(
        self,
        ids: Sequence[str],
        do: _Work,
        *,
        block: int = 1,
        workers: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Row]:
        """Work rows block by block; rows of an earlier try are not worked again, but where a model had failed.

        Blocks are cut from `ids` by position, so that a resumed run works the same blocks as one that never stopped.
        Each is written when it is done, and synced ten times a second and on closing: a kill loses the blocks being
        worked, a power cut a tenth of a second more.

        Args:
            ids: Of the rows, each once.
            do: Gives exactly one row for each id of a block, in any order; called in several threads if `workers` > 1.
            block: Ids per call, at least 1.
            workers: Blocks worked at the same time, at least 1.
            progress: Told the rows done and all rows, at the start and after each block, in the calling thread.

        Returns:
            Rows in the order of `ids`.

        Raises:
            InputError: If an id repeats, a number is below 1, or `do` gives other rows, a NaN or what is no JSON.
            Exception: What `do` raised first; blocks that were finished or being worked are kept, no other is begun.
        """
        at_least_one(block=block, workers=workers)
        each_once(ids)
        blocks = [part for start in range(0, len(ids), block) if (part := self._missing(ids[start : start + block]))]
        done = len(ids) - sum(map(len, blocks))
        tell = progress or (lambda done, total: None)
        tell(done, len(ids))
        # Closed by name: no thread may go on, and pay, when a listener or Ctrl-C ends the loop.
        with closing(worked(blocks, lambda part: self._work_block(part, do), workers)) as finished:
            for rows in finished:
                done += rows
                tell(done, len(ids))
        return [self._rows[row_id] for row_id in ids]

    def usage(self) -> Usage:
        """Add up what the work took so far, over all resumes."""
        path = self.folder / "replies.jsonl"
        replies = self.journal.replies() if self._journal is not None or path.exists() else []
        return usage_of(self._blocks, replies)

    def finish(
        self,
        rows: Sequence[Row],
        estimates: Mapping[str, Estimate],
        report: Report,
        *,
        usage: Usage | None = None,
    ) -> dict[str, Any]:
        """Write `per_query.jsonl`, `usage.json`, `report.html` and, last, `metrics.json`.

        Where `metrics.json` stands, the others are whole and belong to it: an earlier one that differs goes first.

        Args:
            rows: In the order to be written.
            estimates: By measure, in the order to be shown.
            report: What the page says besides.
            usage: In place of `self.usage()`, for who measured latencies by themselves.

        Returns:
            What `metrics.json` holds: `dataset`, `n`, `measures`, `command`, `config`, `inputs`, `seeds`, `versions`.

        Raises:
            InputError: If an estimate is infinite, or a row is no JSON; nothing is written then.
            MissingExtraError: If the extra `eval` is not installed.
        """
        # Here, for matplotlib takes half a second to load and whoever only works rows does not need it.
        from ragkit.evaluate.reports.page import render_html

        metrics = self._metrics(len(rows), estimates)
        taken = usage or self.usage()
        lines, result = b"".join(json_line(row.as_dict()) for row in rows), _pretty(metrics)
        if (earlier := self.folder / "metrics.json").exists() and earlier.read_bytes() != result:
            earlier.unlink()
        self._write("per_query.jsonl", lines)
        self._write("usage.json", _pretty(taken.as_dict()))
        self._write("report.html", render_html(report, estimates, metrics, usage=taken).encode())
        self._write("metrics.json", result)
        return metrics

    def close(self) -> None:
        """Let another process work here."""
        if self._journal is not None:
            self._journal.close()
        self._log.close()
        self._lock.release()

    def _metrics(self, n: int, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
        for name, estimate in estimates.items():
            if any(map(math.isinf, (estimate.value, estimate.low, estimate.high))):
                raise InputError(
                    f"the estimate {shorten(name)!r} is infinite: leave such rows unscored, with a reason."
                )
        measures = {name: estimate.as_dict() for name, estimate in estimates.items()}
        rest = {key: self.document[key] for key in ("command", "config", "inputs", "seeds", "versions")}
        return {"dataset": self.document["dataset"], "n": n, "measures": measures, **rest}

    def _write(self, name: str, content: bytes) -> None:
        atomic_write(self.folder / name, content)

    def _missing(self, ids: Sequence[str]) -> list[str]:
        return [row_id for row_id in ids if row_id not in self._rows]

    def _work_block(self, ids: Sequence[str], do: _Work) -> int:
        if not self._lock.held:
            raise InputError(
                f"the run in {self.folder} is closed: work inside of its `with` block, in its own process."
            )
        began = self._clock()
        rows = do(ids)
        ended = self._clock()
        seconds = ended - began
        check_rows(ids, rows)
        line = {"seconds": seconds, "rows": [row.as_dict() for row in rows]}
        # What is returned is what a resume would read: a tuple is a list, 1 is 1.0, in both or in none.
        _, read_back = _block(json.loads(json_line(line)))
        with self._mutex:
            sync = ended - self._synced >= _SYNC_S
            self._log.append(line, sync=sync)
            self._synced = ended if sync else self._synced
            self._remember(seconds, read_back)
        return len(rows)

    def _remember(self, seconds: float, rows: Iterable[Row]) -> None:
        by_id = {row.id: row for row in rows}
        self._rows |= by_id
        self._blocks.append((seconds, len(by_id)))


def _begin_or_resume(folder: Path, document: Mapping[str, Any]) -> None:
    path = folder / "config.json"
    if path.exists():
        _refuse_another(folder, _read_config(path), document)
    elif others := sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".")):
        raise ConfigError(f"{folder} holds {shorten(', '.join(others))} and no run: give a new or an empty folder.")
    else:
        atomic_write(path, _pretty(document))


def _refuse_another(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    if difference := first_difference(old, new):
        key, before, after = difference
        raise ConfigError(
            f"{folder} holds another run: {key} is {before} there and {after} now. Results are never mixed: "
            "give another folder, or delete this one to begin anew."
        )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise LoadError(str(path), f"it is not JSON ({error}): restore it, or delete the folder.") from error
    if not isinstance(document, dict):
        raise LoadError(str(path), "it is not a JSON object: restore it, or delete the folder.")
    return document


def _block(document: Mapping[str, Any]) -> tuple[float, list[Row]]:
    return float(document["seconds"]), [Row.from_dict(row) for row in document["rows"]]


def _pretty(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    return text.encode("utf-8", "backslashreplace") + b"\n"
