"""The peer's own environment: LangChain with its embeddings and index, never part of this project's requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["PINS", "PeerError", "peer_python"]

PINS = (
    "langchain-core==1.7.2",
    "langchain-huggingface==1.2.3",
    "langchain-community==0.4.2",
    "sentence-transformers==6.2.0",
    "transformers==5.23.0",
    "torch==2.13.0",
    "faiss-cpu==1.15.1",
)
"""Versions known to install together."""


class PeerError(Exception):
    """The peer could not be installed."""


def peer_python(folder: Path) -> Path:
    """Give the Python that has the peer, installing it below `folder` with pip the first time (minutes).

    Args:
        folder: Kept from run to run; another set of versions gets another subfolder.

    Raises:
        PeerError: If pip fails; the message is its last line.
    """
    home = folder / f"langchain-{hashlib.sha256(' '.join(PINS).encode()).hexdigest()[:12]}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = home / "installed"
    if not done.exists():
        sys.stderr.write(f"installing {', '.join(PINS)} into {home}, once; this takes minutes\n")
        venv.create(home, with_pip=True, clear=True)
        _install(python)
        done.touch()
    return python


def _install(python: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", *PINS]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PeerError(f"pip could not install the peer: {last}")
