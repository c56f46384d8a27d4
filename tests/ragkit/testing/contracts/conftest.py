"""The promises of a contract run one by one, to see which a broken implementation breaks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest


def _promises(contract: type) -> list[str]:
    return sorted(name for name in vars(contract) if name.startswith("test_"))


@pytest.fixture
def promises() -> Callable[[type], list[str]]:
    return _promises


@pytest.fixture
def broken_promises() -> Callable[..., set[str]]:
    return _broken_promises


def _broken_promises(
    suite: Callable[[], Any], contract: type, fixtures: Mapping[str, Callable[[Any], Any]]
) -> set[str]:
    """Run each promise on a suite of its own, as pytest does; a fixture is made from the suite."""
    return {name for name in _promises(contract) if not _is_kept(suite(), name, fixtures)}


def _is_kept(suite: Any, promise: str, fixtures: Mapping[str, Callable[[Any], Any]]) -> bool:
    test = getattr(suite, promise)
    given = {name: make(suite) for name, make in fixtures.items() if name in inspect.signature(test).parameters}
    try:
        ran = test(**given)
        if inspect.iscoroutine(ran):
            asyncio.run(ran)
    except pytest.skip.Exception:
        return True
    except (Exception, pytest.fail.Exception):  # noqa: BLE001  # however it fails, the promise is broken
        return False
    return True
