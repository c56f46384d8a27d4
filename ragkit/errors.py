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
        ├── ContextLengthError (ValueError)  prompt and answer do not fit the model's context
        ├── ModelAccessError (PermissionError)  the server refuses the key, or what the key may do
        ├── ModelRequestError (ValueError)  the server says that the request itself is wrong
        ├── ModelTimeoutError (TimeoutError)  it took longer than the caller would wait
        ├── ModelUnavailableError (ConnectionError)  the server failed, broke off or cannot be reached
        ├── RateLimitError                 the server asks for patience; `retry_after_s` says how much
        └── OutputParseError               it answered, but not in the form asked for; `raw_output` is what it said

Every message says what was wrong (with the value), what was expected and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "ContextLengthError",
    "DocumentNotFoundError",
    "IndexMismatchError",
    "InputError",
    "LoadError",
    "MissingExtraError",
    "ModelAccessError",
    "ModelError",
    "ModelFilesError",
    "ModelRequestError",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "OutputParseError",
    "RagkitError",
    "RateLimitError",
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


class ContextLengthError(ModelError, ValueError):
    """Prompt and answer do not fit the model's context.

    Attributes:
        prompt_tokens: Length of the prompt; None where only the server knows.
        context_tokens: What the model can hold; None where only the server knows.
    """

    def __init__(self, message: str, *, prompt_tokens: int | None = None, context_tokens: int | None = None) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class ModelAccessError(ModelError, PermissionError):
    """The server refuses the key, or what the key is allowed to do (401, 403)."""


class ModelRequestError(ModelError, ValueError):
    """The server says that the request is wrong, so that asking again cannot help (400, 404, 422 …).

    Attributes:
        status: The HTTP status; None where the server told it in a stream.
        code: The server's own name of the fault, such as `model_not_found`; None where it gave none.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ModelTimeoutError(ModelError, TimeoutError):
    """A model took longer than the caller would wait, for one attempt or in all."""


class ModelUnavailableError(ModelError, ConnectionError):
    """The server failed (5xx), broke off in the middle, said what cannot be read, or cannot be reached.

    Attributes:
        status: The HTTP status; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class RateLimitError(ModelError):
    """The server asks for patience (429).

    Attributes:
        retry_after_s: How long it asked to wait, in seconds; None where it did not say.
        quota: Whether the account has nothing left, so that waiting cannot help (`insufficient_quota`).
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, quota: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.quota = quota


class OutputParseError(ModelError):
    """A model answered, but not in the form it was asked for.

    Attributes:
        raw_output: What it said, whole.
    """

    def __init__(self, message: str, raw_output: str) -> None:
        super().__init__(message)
        self.raw_output = raw_output
