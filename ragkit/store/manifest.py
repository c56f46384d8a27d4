"""`manifest.json`: what a collection's folder says of itself, and whether an encoder may be used with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ragkit.disk.files import atomic_write
from ragkit.encoder import Encoder, EncoderCard, Vectors
from ragkit.errors import IndexMismatchError, StoreDamagedError, StoreError, shorten
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Manifest",
    "check_encoder",
    "describe",
    "read_manifest",
    "with_chunker",
    "write_manifest",
]

FORMAT: Final = 1
"""Of the folder. A collection of a newer format is refused; of an older one, migrated."""

MANIFEST: Final = "manifest.json"

_PROBE_TEXT: Final = "The quick brown fox jumps over the lazy dog near the riverbank at noon."
_PROBE_COSINE: Final = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a collection was built with."""

    dim: int
    """Length of its vectors."""
    card: EncoderCard | None = None
    """The embedding model; None when the caller brings vectors."""
    probe: tuple[float, ...] | None = None
    """The model's vector of a fixed text, kept where the card has no revision to compare."""
    analyser: Analyser = field(default_factory=Analyser)
    """What makes terms of texts."""
    chunker: Mapping[str, object] = field(default_factory=dict)
    """How texts were cut; empty until someone said."""
    format: int = FORMAT
    """Of the folder."""


def describe(encoder: Encoder | None, *, dim: int, analyser: Analyser, chunker: Mapping[str, object]) -> Manifest:
    """Give the manifest of a new collection; embeds the probe text where the encoder has no revision."""
    if encoder is None:
        return Manifest(dim=dim, analyser=analyser, chunker=dict(chunker))
    card = encoder.card
    probe = None if card.revision else tuple(float(value) for value in _probe_of(encoder))
    return Manifest(dim=dim, card=card, probe=probe, analyser=analyser, chunker=dict(chunker))


def _probe_of(encoder: Encoder) -> Vectors:
    probe: Vectors = encoder.encode_documents([_PROBE_TEXT])[0]
    return probe


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, atomically."""
    words = manifest.analyser.stop_words
    content = {
        "format": manifest.format,
        "dim": manifest.dim,
        "embeddings": asdict(manifest.card) if manifest.card else None,
        "probe": {"text": _PROBE_TEXT, "vector": manifest.probe} if manifest.probe else None,
        "analyser": {
            "name": manifest.analyser.name,
            "language": manifest.analyser.language,
            "stem": manifest.analyser.stem,
            "stop_words": None if words is None else sorted(words),
        },
        "chunker": manifest.chunker,
    }
    atomic_write(folder / MANIFEST, json.dumps(content, indent=2, ensure_ascii=False).encode())


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest; None where there is none.

    Raises:
        StoreDamagedError: If it cannot be read.
        StoreError: If the folder was made by a newer version.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        version = content["format"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    if version != FORMAT:
        raise StoreError(f"{folder} has format {shorten(version)}, this ragkit reads format {FORMAT}: upgrade ragkit.")
    try:
        return _manifest(content)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StoreDamagedError:
    return StoreDamagedError(f"{path} cannot be read ({error!r}): restore it from a backup, or index again.")


def _manifest(content: Mapping[str, Any]) -> Manifest:
    words = content["analyser"]["stop_words"]
    return Manifest(
        dim=int(content["dim"]),
        card=EncoderCard(**content["embeddings"]) if content["embeddings"] else None,
        probe=tuple(content["probe"]["vector"]) if content["probe"] else None,
        analyser=Analyser(
            language=content["analyser"]["language"],
            stem=content["analyser"]["stem"],
            stop_words=None if words is None else frozenset(words),
        ),
        chunker=content["chunker"],
    )


def with_chunker(manifest: Manifest, chunker: Mapping[str, object]) -> Manifest:
    """Give the manifest with its chunker named.

    Raises:
        IndexMismatchError: If it names another one.
    """
    if manifest.chunker and dict(manifest.chunker) != dict(chunker):
        raise IndexMismatchError(
            f"the collection was cut with {dict(manifest.chunker)}, asked for {dict(chunker)}: "
            "use the same, or index into a new folder."
        )
    return replace(manifest, chunker=dict(chunker))


def check_encoder(manifest: Manifest, encoder: Encoder) -> None:
    """Check that an encoder gives vectors that may be compared with those of the collection.

    Two cards with a revision must agree in it; else the vector of the probe text must be the same (cosine 0.999).

    Raises:
        IndexMismatchError: If the dimension or the model differs; the message names both.
    """
    card, own = encoder.card, manifest.card
    if card.dim != manifest.dim:
        raise _mismatch(manifest, card)
    if own is None:
        return
    if manifest.probe is not None:
        if float(np.dot(_probe_of(encoder), np.asarray(manifest.probe, dtype=np.float32))) < _PROBE_COSINE:
            raise _mismatch(manifest, card)
    elif _identity(card) != _identity(own):
        raise _mismatch(manifest, card)


def _identity(card: EncoderCard) -> tuple[str, str, bool, str]:
    # One model may be named by its hub id or by a folder; the revision tells the weights apart.
    return (card.revision, card.pooling, card.normalised, card.document_prompt)


def _mismatch(manifest: Manifest, card: EncoderCard) -> IndexMismatchError:
    own = f"{manifest.card.model} ({manifest.dim} dimensions)" if manifest.card else f"{manifest.dim}-dim vectors"
    return IndexMismatchError(
        f"the collection was built with {own}, opened with {card.model} ({card.dim} dimensions): "
        "open it with the model it was built with, or index into a new folder."
    )
