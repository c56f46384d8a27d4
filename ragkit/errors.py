"""What can go wrong, as one tree.

    RagkitError
    ├── InputError (ValueError)            an argument or a query that cannot be served
    │   └── WhereError                     a filter that cannot be read, or names an unknown field
    ├── ConfigError (ValueError)           a setting, SPEC or option that does not fit
    ├── MissingExtraError (ImportError)    a package of an optional extra is not installed
    ├── LoadError (ValueError)             a file gave no text; `reason` says why
    ├── DocumentNotFoundError (LookupError)
    ├── StoreError (RuntimeError)          a collection folder cannot be used
    │   ├── StoreNotFoundError (FileNotFoundError)
    │   ├── StoreLockedError               another process is writing
    │   ├── StoreDamagedError              the record of truth itself is unreadable
    │   ├── StoreFullError                 the disk has no room left
    │   └── IndexMismatchError (ValueError)  built with another embedding model or dimension
    └── ModelError (RuntimeError)          a model's files are missing or wrong, or it failed
        ├── ModelFilesError
        └── OutputParseError               it answered, but not in the form asked for; `raw_output` is what it said

Every message says what was wrong (with the value), what was expected and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DocumentNotFoundError",
    "IndexMismatchError",
    "InputError",
    "LoadError",
    "MissingExtraError",
    "ModelError",
    "ModelFilesError",
    "OutputParseError",
    "RagkitError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreNotFoundError",
    "WhereError",
    "shorten",
]


def shorten(value: object, limit: int = 80) -> str:
    """Give `value` as text of at most `limit` characters, for use in a message.

    Example:
        >>> shorten("a" * 100, limit=5)
        'aaaa…'
    """
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class RagkitError(Exception):
    """Root of every error that ragkit raises on purpose."""


class InputError(RagkitError, ValueError):
    """An argument, query or document cannot be served as given."""


class WhereError(InputError):
    """A filter cannot be read, names an unknown field, or compares unlike types."""


class ConfigError(RagkitError, ValueError):
    """A setting, SPEC or option does not fit."""


class MissingExtraError(RagkitError, ImportError):
    """A feature needs a package that is not installed."""


class LoadError(RagkitError, ValueError):
    """A file or row gave no document.

    Attributes:
        reason: One sentence, without the path.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class DocumentNotFoundError(RagkitError, LookupError):
    """A `doc_id` is not in the collection."""


class StoreError(RagkitError, RuntimeError):
    """A collection folder cannot be used as asked."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """There is no collection in the folder."""


class StoreLockedError(StoreError):
    """Another process is writing to the collection."""


class StoreDamagedError(StoreError):
    """The record of truth is unreadable; derived files never raise this, they are rebuilt."""


class StoreFullError(StoreError):
    """The disk has no room for a write; nothing of it counts, and what was acknowledged before is kept."""


class IndexMismatchError(StoreError, ValueError):
    """The collection was built with another embedding model or dimension."""


class ModelError(RagkitError, RuntimeError):
    """A model failed."""


class ModelFilesError(ModelError):
    """A model's files are missing, incomplete or not what was expected."""


class OutputParseError(ModelError):
    """A model answered, but not in the form it was asked for.

    Attributes:
        raw_output: What it said, whole.
    """

    def __init__(self, message: str, raw_output: str) -> None:
        super().__init__(message)
        self.raw_output = raw_output
