"""`SentenceEncoder`: any Sentence-BERT model as ragkit's `Encoder`."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ragkit.embed.batches import TextVector, make_batch, padded_width, plan_batches
from ragkit.embed.engines.choice import make_engine
from ragkit.embed.engines.engine import Batch, Engine, Job, check_engine_name
from ragkit.embed.fingerprint import Fingerprint
from ragkit.embed.language import warn_if_foreign
from ragkit.embed.layout import ModelLayout, read_layout
from ragkit.embed.model_files import ModelFiles, find_model
from ragkit.embed.tokens import TextTokenizer, TruncationWarning, check_texts
from ragkit.embed.weights import weight_files
from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ragkit.embed.cache import VectorCache

__all__ = ["SentenceEncoder"]

_TOKEN_BUDGET = 2048
_TEXTS_AT_ONCE = 4096


class SentenceEncoder:
    """Text to unit vectors with a Sentence-BERT model; made by `SentenceEncoder.load`.

    Nothing heavy happens before the first text: then tokenizer and engine load, and the weights are hashed in the
    background (no vector of the packaged model is given before its hash has been checked). Safe from many threads.

    Vectors have unit length, also of models that leave them longer: ragkit compares by cosine. A text's vector does not
    depend on the others in its call, but for the last bits: in bf16 a text batched with others agrees with itself alone
    to a cosine above 0.9999, in float32 to 1e-6. The same call gives the same bits on one machine.

    A text longer than `card.max_tokens` is embedded by its beginning, and a `TruncationWarning` says how many texts
    were too long. Text that is clearly not English, given to a model that reads English, gets a `LanguageWarning`.
    """

    def __init__(
        self,
        files: ModelFiles,
        layout: ModelLayout,
        *,
        engine: str = "auto",
        threads: int | None = None,
        cache: Path | None = None,
    ) -> None:
        """Prepare an encoder for a model that was found and read; see `load`."""
        self._engine_name = check_engine_name(engine)
        if threads is not None and threads < 1:
            raise ConfigError(f"threads must be at least 1, got {threads}.")
        self._files = files
        self._layout = layout
        self._threads = threads
        self._cache_folder = cache
        self._tokenizer = TextTokenizer(layout.transformer, max_tokens=layout.max_tokens, lower_case=layout.lower_case)
        weights = [
            path for folder in (layout.transformer, *(d.folder for d in layout.dense)) for path in weight_files(folder)
        ]
        self._fingerprint = Fingerprint(weights, expected=files.sha256, memory=cache / "weights" if cache else None)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._cache: VectorCache | None = None

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        engine: str = "auto",
        revision: str | None = None,
        threads: int | None = None,
        cache: Path | None = None,
        downloads: bool = True,
        hub_cache: Path | None = None,
        token: str | None = None,
    ) -> SentenceEncoder:
        """Find a model and read what it is; takes about a millisecond when it is on this machine.

        Args:
            model: A folder, a hub id, or None for the packaged all-MiniLM-L6-v2 (no network, ever).
            engine: `auto`, `openvino`, `openvino-bf16`, `openvino-f32` or `sentence-transformers`.
            revision: Branch, tag or commit of a hub id.
            threads: Threads of the OpenVINO engine; None for all cores.
            cache: Folder in which vectors of documents are kept and found again; None keeps none.
            downloads: Whether a hub id that is not here may be fetched.
            hub_cache: The hub's cache folder; None for its default.
            token: The hub's token for private models.

        Raises:
            ConfigError: If the engine is not known, or `threads` is below 1.
            ModelFilesError: If the files are not here and cannot be had, or are not a Sentence-BERT model's.
        """
        check_engine_name(engine)
        files = find_model(model, revision=revision, downloads=downloads, hub_cache=hub_cache, token=token)
        layout = read_layout(files.folder).with_prompts(*files.known_prompts())
        return cls(files, layout, engine=engine, threads=threads, cache=cache)

    @property
    def card(self) -> EncoderCard:
        """What this encoder is; `revision` is the sha256 of the weights, computed once or remembered in the cache."""
        layout = self._layout
        return EncoderCard(
            model=self._files.name,
            dim=layout.dim,
            revision=self._files.sha256 or self._fingerprint.sha256(),
            max_tokens=layout.max_tokens,
            pooling="+".join(layout.pooling),
            normalised=True,
            query_prompt=layout.query_prompt,
            document_prompt=layout.document_prompt,
            language=self._language,
            location=self._files.location,
        )

    @property
    def engine(self) -> str:
        """The engine in use, such as `openvino-bf16`; loads it."""
        return self._ready_engine().name

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: `(n, dim)` float32, unit rows in input order; `(0, dim)` for none.

        Equal texts are computed once, and not at all when they are in the cache.

        Raises:
            InputError: If `texts` is one string, or holds something else than strings.
            ModelFilesError: If the weights are damaged, or not those that the packaged model must have.
        """
        return self._encode(texts, prompt=self._layout.document_prompt, job="bulk")

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with, as `encode_documents` does; queries are never kept in the cache."""
        return self._encode(texts, prompt=self._layout.query_prompt, job="query")

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text`, special ones included and prompts not; compare with `card.max_tokens`."""
        return self._tokenizer.count(text)

    @property
    def _language(self) -> str | None:
        return self._files.language or self._layout.language

    def _encode(self, texts: Sequence[str], *, prompt: str, job: Job) -> Vectors:
        rows = check_texts(texts)
        if self._language == "en":
            warn_if_foreign(rows, model=self._files.name, stacklevel=3)
        out = np.zeros((len(rows), self._layout.dim), dtype=np.float32)
        too_long = longest = 0
        for start in range(0, len(rows), _TEXTS_AT_ONCE):
            window = rows[start : start + _TEXTS_AT_ONCE]
            known = self._encode_unique(list(dict.fromkeys(window)), prompt, job)
            for offset, text in enumerate(window):
                out[start + offset], tokens = known[text]
                too_long += tokens > self._layout.max_tokens
                longest = max(longest, tokens)
        if too_long:
            self._warn_too_long(too_long, len(rows), longest)
        return out

    def _encode_unique(self, texts: list[str], prompt: str, job: Job) -> dict[str, TextVector]:
        """Give vector and token count of each text, from the cache where it has them."""
        cache = self._vector_cache() if job == "bulk" else None
        prompted = {prompt + text: text for text in texts}
        known = {prompted[found]: row for found, row in cache.get(list(prompted)).items()} if cache else {}
        missing = [text for text in texts if text not in known]
        if missing:
            fresh = self._compute(missing, prompt, job)
            known.update(fresh)
            if cache:
                cache.put({prompt + text: row for text, row in fresh.items()})
        return known

    def _compute(self, texts: list[str], prompt: str, job: Job) -> dict[str, TextVector]:
        engine = self._ready_engine()
        ids, lengths = self._tokenizer.encode(texts, prompt=prompt)
        widths = [padded_width(len(row), self._layout.max_tokens) for row in ids]
        groups = plan_batches(widths, token_budget=_TOKEN_BUDGET)
        out = np.zeros((len(texts), self._layout.dim), dtype=np.float32)
        for rows, vectors in zip(groups, engine.run(self._batches(groups, texts, ids, prompt), job=job), strict=True):
            out[rows] = vectors
        self._check(out, texts)
        return {text: TextVector(out[row], lengths[row]) for row, text in enumerate(texts)}

    def _batches(self, groups: list[list[int]], texts: list[str], ids: list[list[int]], prompt: str) -> Iterator[Batch]:
        pad_id = int(self._layout.config.get("pad_token_id") or 0)
        longest = self._layout.max_tokens
        return (make_batch(rows, texts, ids, prompt=prompt, pad_id=pad_id, max_tokens=longest) for rows in groups)

    def _check(self, vectors: Vectors, texts: list[str]) -> None:
        """Refuse what no distance can be taken of, and wait for the check of the packaged weights."""
        if self._files.sha256:
            self._fingerprint.sha256()
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ModelError(
                f"{self._files.name} gave a vector that is not finite for a text of {len(texts[row])} characters: "
                "expected finite numbers; try engine openvino-f32."
            )

    def _ready_engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                if self._files.sha256:
                    self._fingerprint.start()
                self._engine = make_engine(self._engine_name, self._layout, threads=self._threads)
            return self._engine

    def _vector_cache(self) -> VectorCache | None:
        if self._cache_folder is None:
            return None
        if self._cache is None:
            from ragkit.embed.cache import VectorCache

            self._cache = VectorCache(self._cache_folder, space=self._space(), dim=self._layout.dim)
        return self._cache

    def _space(self) -> str:
        """Name all that the vector of a text depends on, but for the text and its prompt."""
        layout = self._layout
        dense = [layer.activation for layer in layout.dense]
        parts = (
            self._files.name,
            self._fingerprint.sha256(),
            self.engine,
            layout.max_tokens,
            layout.pooling,
            dense,
            layout.lower_case,
        )
        return repr(parts)

    def _warn_too_long(self, count: int, total: int, longest: int) -> None:
        warnings.warn(
            f"{count} of {total} texts exceed the {self._layout.max_tokens} tokens that {self._files.name} reads "
            f"(longest: {longest}): of these only the beginning is embedded; split them first.",
            TruncationWarning,
            stacklevel=4,
        )
