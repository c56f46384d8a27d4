"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["busy", "describe_machine", "load", "stamp", "without_folders"]

_FOLDERS = {"--cache", "--collection", "--data", "--out", "--peer-python", "--peers", "--work"}
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")


def describe_machine() -> str:
    """Give processor, cores and the instructions that decide which precision is fast, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    lines = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    about = {key.strip(): value.strip() for key, value in lines.items()}
    flags = about.get("flags", about.get("Features", "")).split()
    here = [flag for flag in _FLAGS if flag in flags]
    absent = [flag for flag in ("avx512_bf16", "amx_bf16") if flag not in flags]
    return (
        f"{about.get('model name') or _other_name()}, {os.cpu_count()} cores, {sys.platform} {platform.machine()}; "
        f"has {' '.join(here) or 'none of the flags looked for'}" + (f"; lacks {' '.join(absent)}" if absent else "")
    )


def stamp(arguments: Sequence[str]) -> dict[str, str]:
    """Give what a reader must know of a measurement that starts now: command, date, machine, Python, load.

    Args:
        arguments: Of `python -m evals.benchmarks`; those that name folders of this machine are left out.
    """
    return {
        "command": shlex.join(["python", "-m", "evals.benchmarks", *without_folders(arguments)]),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": describe_machine(),
        "python": platform.python_version(),
        "load": f"{load():.1f}",
    }


def busy(load_before: float, cores: int) -> list[str]:
    """Give the warning that a measurement needs when others wanted the cores, if they did: at most one sentence."""
    if not load_before > 1.5 * cores:  # the part before leaves a load of about one for each core
        return []
    return [
        f"The machine was busy before it began (load {load_before:.1f} on {cores} cores): measure again for figures."
    ]


def without_folders(arguments: Sequence[str]) -> list[str]:
    """Give the arguments that say what was measured.

    Example:
        >>> without_folders(["--quick", "--out", "results", "--only", "open", "--cache=there"])
        ['--quick', '--only', 'open']
    """
    kept: list[str] = []
    skip = False
    for argument in arguments:
        name, sign, _ = argument.partition("=")
        if not skip and name not in _FOLDERS:
            kept.append(argument)
        skip = not skip and name in _FOLDERS and not sign
    return kept


def load() -> float:
    """Give how many processes wanted a core, on average over the last minute; NaN where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _other_name() -> str:
    if sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()
