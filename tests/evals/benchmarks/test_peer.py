from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evals.benchmarks.peer import PINS, PeerError, Peers, parse_pythons


def test_every_peer_names_exact_versions_and_the_same_torch() -> None:
    assert set(PINS) == {"langchain", "llamaindex", "haystack", "langgraph", "txtai"}
    assert all("==" in pin for pins in PINS.values() for pin in pins)
    assert [name for name, pins in PINS.items() if "torch==2.13.0" not in pins] == ["langgraph"]  # it embeds nothing


def test_a_python_that_is_given_is_taken_and_its_link_is_kept(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    peers = Peers(tmp_path / "peers", parse_pythons([f"txtai={link}"]))
    assert peers.python("txtai") == link
    assert not (tmp_path / "peers").exists()


def test_an_environment_that_is_finished_is_not_made_again(tmp_path: Path) -> None:
    peers = Peers(tmp_path)
    made = peers.python  # nothing is installed where the mark of a finished one stands
    for name in PINS:
        home = tmp_path / f"{name}-{_digest(name)}"
        home.mkdir()
        (home / "installed").touch()
        assert made(name).is_relative_to(home)


def _digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(" ".join(PINS[name]).encode()).hexdigest()[:12]


def test_an_unknown_peer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="no peer 'weaviate': expected one of langchain"):
        Peers(tmp_path).python("weaviate")


@pytest.mark.parametrize("given", ["langchain", "weaviate=/bin/sh", "langchain=/no/such/file"])
def test_a_python_must_name_its_peer_and_exist(given: str) -> None:
    with pytest.raises(ValueError, match="expected NAME=FILE"):
        parse_pythons([given])
