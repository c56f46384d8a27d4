"""Advice in place of a bare ModuleNotFoundError when a package of an optional extra is absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ragkit.errors import MissingExtraError

__all__ = ["require"]


@contextmanager
def require(*, feature: str, package: str, extra: str) -> Iterator[None]:
    """Translate the absence of `package`, and nothing else, into what to install.

    A broken installation (the package is there, something it needs is not) shows its own error.

    Example:
        >>> with require(feature="A reader of the stars", package="no_such_package", extra="stars"):
        ...     import no_such_package
        Traceback (most recent call last):
            ...
        ragkit.errors.MissingExtraError: A reader of the stars needs no_such_package: pip install 'ragkit[stars]'

    Raises:
        MissingExtraError: If `package` itself is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(f"{feature} needs {package}: pip install 'ragkit[{extra}]'") from error
