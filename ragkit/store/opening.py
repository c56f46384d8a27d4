"""What a collection is opened with, and whether that fits what the folder says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit.errors import ConfigError, IndexMismatchError
from ragkit.store.manifest import check_encoder

if TYPE_CHECKING:
    from ragkit.encoder import Encoder
    from ragkit.store.manifest import Manifest
    from ragkit.store.vectors import Precision
    from ragkit.text.analyse import Analyser

__all__ = ["check_open", "new_dim"]


def new_dim(encoder: Encoder | None, dim: int | None) -> int:
    """Give the dimension of a new collection.

    Raises:
        ConfigError: If nothing says it, or two things say different ones.
    """
    if encoder is not None:
        if dim not in (None, encoder.card.dim):
            raise ConfigError(
                f"dim is {dim}, but {encoder.card.model} gives {encoder.card.dim} dimensions: leave dim out."
            )
        return encoder.card.dim
    if dim is None or dim < 1:
        raise ConfigError(
            f"a new collection needs embeddings, or the dimension of its vectors (dim=384), got dim={dim}."
        )
    return dim


def check_open(
    found: Manifest,
    encoder: Encoder | None,
    dim: int | None,
    analyser: Analyser | None,
    precision: Precision | None,
) -> None:
    """Check that a collection is what it is opened as; None asks for nothing.

    Raises:
        IndexMismatchError: If it was built with another model, dimension, analyser or precision.
    """
    if dim not in (None, found.dim):
        raise IndexMismatchError(f"the collection holds {found.dim}-dim vectors, asked for dim={dim}: leave dim out.")
    if analyser is not None and analyser != found.analyser:
        raise IndexMismatchError(
            f"the collection analyses words with {found.analyser.name}, asked for {analyser.name}: "
            "use the same, or index into a new folder."
        )
    if precision not in (None, found.precision):
        raise IndexMismatchError(
            f"the collection keeps its vectors as {found.precision}, asked for {precision}: leave precision out."
        )
    if encoder is not None:
        check_encoder(found, encoder)
