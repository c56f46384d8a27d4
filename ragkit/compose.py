"""SPECs and a folder -> a wired `Rag`: the one place where rooms are put together.

Called `compose`, not `open`: a module `ragkit.open` would replace the function `ragkit.open` once imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragkit.answer.rag import Rag
from ragkit.embed.encoder import SentenceEncoder
from ragkit.encoder import Encoder, as_encoder
from ragkit.errors import ConfigError, shorten
from ragkit.settings import Settings
from ragkit.store.collection import Collection
from ragkit.store.folder import Folder

__all__ = ["check_answerer", "encoder_for", "open"]


def open(  # noqa: A001 - ragkit.open reads as it should
    folder: str | Path,
    *,
    embeddings: Any = None,
    create: bool = True,
    read_only: bool = False,
    model: str = "extractive",
    settings: Settings | None = None,
) -> Rag:
    """Open the collection in `folder` with its embedding model, ready to sync, search and ask.

    Args:
        folder: The collection's folder; made when missing, unless `create` is False.
        embeddings: A SPEC (`"local:<hub id or folder>"`), any LangChain `Embeddings`, or None for the model the
            collection was built with; a new collection gets the packaged all-MiniLM-L6-v2.
        create: Whether a missing collection is made.
        read_only: Never write; other processes may be writing.
        model: Who answers, a SPEC; `"extractive"` quotes the documents and needs no model.
        settings: What the environment says; read when None.

    Raises:
        StoreNotFoundError: If nothing is there and `create` is False.
        IndexMismatchError: If the collection was built with another model.
        ConfigError: If a SPEC or a setting does not fit.

    Example:
        >>> import ragkit
        >>> rag = ragkit.open("store")  # doctest: +SKIP
        >>> rag.ask("What is BM25?").text  # doctest: +SKIP
    """
    check_answerer(model)
    settings = settings or Settings.from_environment()
    encoder = encoder_for(folder, embeddings, settings=settings)
    return Rag(Collection.open(folder, encoder, create=create, read_only=read_only))


def encoder_for(folder: str | Path, embeddings: Any = None, *, settings: Settings | None = None) -> Encoder | None:
    """Give the encoder to use with the collection in `folder`, which need not exist yet.

    Args:
        folder: The collection's folder.
        embeddings: As in `open`.
        settings: What the environment says; read when None.

    Returns:
        None for a collection whose vectors a caller's own `Embeddings` or no model made: it is searched by words.

    Raises:
        ConfigError: If a SPEC or a setting does not fit.
        ModelFilesError: If the model's files are not there.
    """
    settings = settings or Settings.from_environment()
    if isinstance(embeddings, str):
        return _load(_model_of_spec(embeddings), settings)
    if embeddings is not None:
        return as_encoder(embeddings)
    manifest = Folder(Path(folder)).manifest()
    if manifest is None:
        return _load(None, settings)
    if manifest.card is None or not manifest.card.revision:
        return None
    return _load(manifest.card.location or None, settings)


def check_answerer(model: str) -> None:
    """Check that `model` names an answerer this version has.

    Raises:
        ConfigError: If it does not.
    """
    if model != "extractive":
        raise ConfigError(
            f"model {shorten(repr(model))} cannot answer in this version: use 'extractive', which quotes the documents."
        )


def _model_of_spec(spec: str) -> str:
    kind, _, name = spec.partition(":")
    if kind != "local" or not name:
        raise ConfigError(
            f"embeddings {shorten(repr(spec))} cannot be used: expected local:<hub id or folder>, such as "
            "local:intfloat/multilingual-e5-small."
        )
    return name


def _load(model: str | None, settings: Settings) -> SentenceEncoder:
    return SentenceEncoder.load(
        model,
        engine=settings.engine,
        threads=settings.threads,
        cache=settings.cache_folder,
        downloads=settings.downloads_allowed,
        hub_cache=settings.hub_folder,
        token=settings.hub_token,
    )
