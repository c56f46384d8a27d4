from __future__ import annotations

import io
import sys

import pytest

from ragkit.cli.evaluate.progress import rows_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rows_are_counted_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with rows_bar("Asking", quiet=False) as progress:
        assert progress is not None
        progress(2, 7)
    assert "Asking" in terminal.getvalue()
    assert "2/7" in terminal.getvalue()


def test_nobody_watches_a_pipe_or_a_quiet_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with rows_bar("Asking", quiet=False) as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with rows_bar("Asking", quiet=True) as progress:
        assert progress is None
