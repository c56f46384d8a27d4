"""The reference: sentence-transformers itself, in float32 on torch. Extra `local`; seconds to import."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from ragkit._optional import require
from ragkit.errors import ModelFilesError

with require(feature="engine sentence-transformers", package="sentence_transformers", extra="local"):
    from sentence_transformers import SentenceTransformer
with require(feature="engine sentence-transformers", package="torch", extra="local"):
    import torch
with require(feature="engine sentence-transformers", package="transformers", extra="local"):
    from transformers import AutoTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tokenizers import Tokenizer

    from ragkit.embed.engines.engine import Batch, Job
    from ragkit.embed.layout import ModelLayout
    from ragkit.encoder import Vectors

__all__ = ["SentenceTransformersEngine", "convert_tokenizer"]


class SentenceTransformersEngine:
    """What users have today, unchanged: it tokenizes and cuts by itself. Threads are torch's own setting."""

    def __init__(self, layout: ModelLayout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._model: SentenceTransformer | None = None

    @property
    def name(self) -> str:
        """`sentence-transformers`."""
        return "sentence-transformers"

    def run(self, batches: Iterable[Batch], *, job: Job) -> Iterator[Vectors]:
        """Compute batch by batch, one caller at a time; `job` changes nothing. See `Engine.run`."""
        model = self._load()
        for batch in batches:
            with self._lock:  # encode sets the prompt's length on the shared module
                rows = model.encode(
                    list(batch.texts),
                    prompt=batch.prompt,
                    batch_size=len(batch.texts),
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            yield np.asarray(rows, dtype=np.float32)

    def _load(self) -> SentenceTransformer:
        with self._lock:
            if self._model is None:
                self._model = SentenceTransformer(
                    str(self._layout.folder),
                    device="cpu",
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"dtype": torch.float32, "use_safetensors": True},
                )
            return self._model


def convert_tokenizer(folder: Path) -> Tokenizer:
    """Make the fast tokenizer of a model that comes without `tokenizer.json`.

    Raises:
        ModelFilesError: If transformers cannot.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        return tokenizer.backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise ModelFilesError(
            f"{folder} has no tokenizer.json and none can be made from its other files ({error}): "
            "save the model's fast tokenizer there."
        ) from error
