"""`manifest.json`: what a collection's folder says of itself, and whether an encoder may be used with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ragkit.disk.files import atomic_write
from ragkit.encoder import Encoder, EncoderCard, Vectors
from ragkit.errors import IndexMismatchError, StoreDamagedError, StoreError, shorten
from ragkit.store.vectors import Precision, as_precision
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Manifest",
    "as_json",
    "check_encoder",
    "describe",
    "from_json",
    "is_of_model",
    "read_manifest",
    "same_model",
    "with_chunker",
    "write_manifest",
]

FORMAT: Final = 2
"""Of a new folder. Format 1 had no generations: its files lie in the folder itself, as generation 0."""

_READABLE: Final = (1, 2)

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
    precision: Precision = "float16"
    """Of the stored vectors."""
    generation: int = 1
    """Which generation of its files counts; 0 lies in the folder itself."""
    format: int = FORMAT
    """Of the folder."""


def describe(
    encoder: Encoder | None,
    *,
    dim: int,
    analyser: Analyser,
    chunker: Mapping[str, object],
    precision: Precision = "float16",
) -> Manifest:
    """Give the manifest of a new collection; embeds the probe text where the encoder has no revision."""
    bare = Manifest(dim=dim, analyser=analyser, chunker=dict(chunker), precision=precision)
    if encoder is None:
        return bare
    card = encoder.card
    probe = None if card.revision else tuple(float(value) for value in _probe_of(encoder))
    return replace(bare, card=card, probe=probe)


def _probe_of(encoder: Encoder) -> Vectors:
    probe: Vectors = encoder.encode_documents([_PROBE_TEXT])[0]
    return probe


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, atomically: readers that are open see which generation counts from now on."""
    atomic_write(folder / MANIFEST, as_json(manifest).encode())


def as_json(manifest: Manifest) -> str:
    """Give the manifest as it stands in its file, with a checksum of itself."""
    words = manifest.analyser.stop_words
    content = {
        "format": manifest.format,
        "generation": manifest.generation,
        "precision": manifest.precision,
        "dim": manifest.dim,
        "embeddings": asdict(manifest.card) if manifest.card else None,
        "probe": {"text": _PROBE_TEXT, "vector": list(manifest.probe)} if manifest.probe else None,
        "analyser": {
            "name": manifest.analyser.name,
            "language": manifest.analyser.language,
            "stem": manifest.analyser.stem,
            "stop_words": None if words is None else sorted(words),
        },
        "chunker": dict(manifest.chunker),
    }
    return json.dumps({**content, "checksum": _checksum(content)}, indent=2, ensure_ascii=False)


def _checksum(content: Mapping[str, Any]) -> str:
    parts = {name: value for name, value in content.items() if name != "checksum"}
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest; None where there is none.

    Raises:
        StoreDamagedError: If it cannot be read, or is not what was written.
        StoreError: If the folder was made by a newer version.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return from_json(content, folder)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamagedError(
            f"{path} cannot be read ({error!r}): restore it from a backup, or index again."
        ) from error


def from_json(text: str | bytes, folder: Path) -> Manifest:
    """Read what `as_json` gave.

    Raises:
        ValueError, KeyError, TypeError: If it is garbled.
        StoreError: If a newer version gave it; the message names `folder`.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise TypeError(f"expected an object, got {shorten(content)}")
    # Every format keeps this rule, so that a garbled number is not taken for a newer format.
    if content.get("checksum", digest := _checksum(content)) != digest:
        raise ValueError("its checksum is that of another content")
    if (version := content["format"]) not in _READABLE:
        readable = " and ".join(map(str, _READABLE))
        raise StoreError(f"{folder} has format {shorten(version)}, this ragkit reads {readable}: upgrade ragkit.")
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
        precision=as_precision(content.get("precision", "float32")),
        generation=int(content.get("generation", 0)),
        format=version,
    )


def with_chunker(manifest: Manifest, chunker: Mapping[str, object]) -> Manifest:
    """Give the manifest with its chunker named.

    Raises:
        IndexMismatchError: If it names another one.
    """
    if manifest.chunker and dict(manifest.chunker) != dict(chunker):
        raise IndexMismatchError(
            f"the collection was cut with {dict(manifest.chunker)}, asked for {dict(chunker)}: "
            "use the same, run `ragkit reindex`, or index into a new folder."
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


def is_of_model(manifest: Manifest, encoder: Encoder) -> bool:
    """Tell whether it was this very model that gave the collection's vectors; never where a caller brought them."""
    try:
        check_encoder(manifest, encoder)
    except IndexMismatchError:
        return False
    return manifest.card is not None


def same_model(one: Manifest, other: Manifest) -> bool:
    """Tell whether vectors that fit one collection fit the other, as far as their manifests say."""
    if one.dim != other.dim or one.probe != other.probe or (one.card is None) != (other.card is None):
        return False
    return one.card is None or other.card is None or _identity(one.card) == _identity(other.card)


def _identity(card: EncoderCard) -> tuple[str, str, bool, str]:
    # One model may be named by its hub id or by a folder; the revision tells the weights apart.
    return (card.revision, card.pooling, card.normalised, card.document_prompt)


def _mismatch(manifest: Manifest, card: EncoderCard) -> IndexMismatchError:
    own = f"{manifest.card.model} ({manifest.dim} dimensions)" if manifest.card else f"{manifest.dim}-dim vectors"
    return IndexMismatchError(
        f"the collection was built with {own}, opened with {card.model} ({card.dim} dimensions): "
        "open it with the model it was built with, run `ragkit reindex`, or index into a new folder."
    )
