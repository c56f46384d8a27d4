"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

__all__ = ["describe_machine", "load"]

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


def load() -> float:
    """Give how many processes wanted a core, on average over the last minute; NaN where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _other_name() -> str:
    if sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()
