"""One cassette in play: the network is shut while it replays, and a request that it does not hold fails the test."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ragkit._optional import require
from ragkit.testing.cassettes.config import CassetteError, register

with require(feature="A cassette", package="vcr", extra="testing"):
    from vcr import VCR
    from vcr.cassette import Cassette
    from vcr.request import Request

with require(feature="A cassette", package="pytest_recording", extra="testing"):
    from pytest_recording.network import make_network_guard

__all__ = ["PlayedCassette", "played"]


class PlayedCassette(Cassette):  # type: ignore[misc]  # vcrpy has no types
    """vcrpy's cassette, with a clear word for a request that is not recorded."""

    hint = "pytest --ragkit-record"
    """The command that records anew."""
    missing: str | None = None
    """What is not recorded, of the first request that was not."""
    refused: CassetteError | None = None
    """Why the file was not written."""

    def find_requests_with_most_matches(self, request: Request) -> Any:
        """Fail the test; vcrpy asks for the nearest requests when it has none to replay.

        The failure is no `Exception`, so that a client's retries and handlers do not swallow or delay it.
        """
        asked = self.filter_request(request)
        nearest = super().find_requests_with_most_matches(request)
        told = f"{_why(asked, nearest, Path(self._path))}. Record anew: {self.hint}"
        self.missing = self.missing or told
        pytest.fail(told, pytrace=False)

    def _load(self) -> None:
        # What is written anew need not be readable.
        if not (self.record_mode == "all" and self.drop_unused_requests):
            super()._load()

    def _save(self, force: bool = False) -> None:
        try:
            super()._save(force)
        except CassetteError as error:
            # vcrpy would leave its patches in place if this went through here.
            self.refused, self.dirty = error, False


def _why(asked: Request, nearest: Sequence[Any], file: Path) -> str:
    what = f"{asked.method} {asked.uri}"
    if not file.exists():
        return f"{what} is not recorded: there is no cassette {file.name} yet"
    if not nearest:
        return f"{what} is not recorded in {file.name}, nor anything like it"
    _, _, differences = nearest[0]
    if not differences:
        return f"{what} is recorded in {file.name}, but was asked for more often than recorded"
    told = "; ".join(message or f"the {name} differs" for name, message in differences)
    return f"{what} is not recorded in {file.name}, the nearest differs: {told}"


@contextmanager
def played(
    file: Path,
    *,
    mode: str,
    options: Mapping[str, Any],
    allowed_hosts: Sequence[str] = (),
    allow: Sequence[re.Pattern[str]] = (),
    hint: str = "",
) -> Iterator[PlayedCassette]:
    """Replay a cassette, or record it.

    Args:
        file: Where it lies, or will lie.
        mode: vcrpy's record mode, or pytest-recording's `rewrite`; `none` shuts the network.
        options: As `vcr_config` gives them.
        allowed_hosts: Regular expressions of hosts that may be reached while the network is shut.
        allow: What one of these matches whole is no secret.
        hint: The command that records anew, for messages.

    Raises:
        CassetteError: If the file cannot be read; on leaving, if what was recorded looks like a secret (the file is as
            it was then).
    """
    vcr = VCR()
    register(vcr, allow=allow)
    anew = {"record_mode": "all", "drop_unused_requests": True} if mode == "rewrite" else {"record_mode": mode}
    given = {**options, **anew, "path": str(file)}
    with PlayedCassette.use_arg_getter(lambda: vcr.get_merged_config(**given)) as cassette:
        cassette.hint = hint or cassette.hint
        with _shut(allowed_hosts if mode == "none" else None):
            yield cassette
    if cassette.refused is not None:
        raise cassette.refused


@contextmanager
def _shut(allowed_hosts: Sequence[str] | None) -> Iterator[None]:
    """Refuse connections to every other host; None refuses nothing. What others patched before is put back after."""
    if allowed_hosts is None:
        yield
        return
    hosts = list(allowed_hosts) or None
    guards = {name: make_network_guard(getattr(socket.socket, name), hosts) for name in ("connect", "connect_ex")}
    with ExitStack() as patches:
        for name, guard in guards.items():
            patches.enter_context(mock.patch.object(socket.socket, name, guard))
        yield
