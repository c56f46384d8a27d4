"""`python -m ragkit.testing.cassettes check DIR...` looks for secrets, `... record tests/...` records anew."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from ragkit.errors import RagkitError

__all__ = ["main", "record_command"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: As in a shell; None for those of this process.

    Returns:
        0 fine, 1 something was found or failed, 2 wrong use.
    """
    parser = argparse.ArgumentParser(prog="python -m ragkit.testing.cassettes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="look for keys and random strings; exit 1 if there are any")
    check.add_argument("paths", nargs="+", type=Path, help="recordings, or folders of them")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.add_argument("--allow", action="append", default=[], metavar="REGEX", help="what it matches whole is fine")
    record = commands.add_parser("record", help="run pytest with recording on; nothing that looks secret is kept")
    record.add_argument("pytest", nargs="*", help="tests, and any options of pytest")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["record"] and words[1:2] not in (["-h"], ["--help"]):
        return _record(words[1:])  # argparse would take pytest's options for its own
    given = parser.parse_args(words)
    try:
        return _check(given.paths, allow=[re.compile(pattern) for pattern in given.allow], as_json=given.json)
    except (RagkitError, re.error) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _check(paths: Sequence[Path], *, allow: Sequence[re.Pattern[str]], as_json: bool) -> int:
    from ragkit.testing.cassettes.findings import findings_under, recordings_under

    files = recordings_under(paths)
    found = findings_under(files, allow=allow)
    if as_json:
        sys.stdout.write(json.dumps({"findings": [asdict(finding) for finding in found]}, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{finding}\n" for finding in found)
        sys.stderr.write(f"{len(found) or 'no'} findings in {len(files)} recordings\n")
    return 1 if found else 0


def _record(arguments: Sequence[str]) -> int:
    return min(subprocess.run(record_command(arguments), check=False).returncode, 1)  # noqa: S603  # the caller's tests


def record_command(arguments: Sequence[str]) -> list[str]:
    """Give the command that runs pytest with recording on."""
    # Where pytest-recording was told to shut the network, its own option opens it for the tests that are left.
    opened = ["--allowed-hosts=.*"] if find_spec("pytest_recording") is not None else []
    return [sys.executable, "-m", "pytest", "--ragkit-record", *opened, *arguments]


if __name__ == "__main__":
    sys.exit(main())
