"""`SentenceEncoder`: any Sentence-BERT model as ragkit's `Encoder`."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ragkit.embed.batches import TextVector, make_batch, padded_width, plan_batches
from ragkit.embed.engines.choice import make_engine
from ragkit.embed.engines.engine import Batch, Engine, Job, check_engine_name
from ragkit.embed.fingerprint import Fingerprint
from ragkit.embed.groups import TextGroup
from ragkit.embed.language import warn_if_foreign
from ragkit.embed.layout import ModelLayout, read_layout
from ragkit.embed.model_files import ModelFiles, find_model
from ragkit.embed.tokens import TextTokenizer, TruncationWarning, check_texts
from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ConfigError, ModelError
from ragkit.remote.hub import weight_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ragkit.embed.cache import VectorCache

__all__ = ["SentenceEncoder"]

_TOKEN_BUDGET = 2048
_TEXTS_AT_ONCE = 2048


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

    def encode_each(self, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        """Embed groups of texts to be found: one `(n, dim)` array for each, as `encode_documents` gives, in order.

        Groups are read ahead, so that no core waits between one and the next.

        Raises:
            InputError: If a group is one string, or holds something else than strings.
            ModelFilesError: As `encode_documents`.
        """
        sizes: deque[int] = deque()

        def parts() -> Iterator[list[str]]:
            for texts in groups:
                rows = self._checked(texts)
                split = _split(rows)
                sizes.append(len(split))
                yield from split

        found: list[TextVector] = []
        taken = 0
        for known in self._each(parts(), self._layout.document_prompt, "bulk"):
            found += known
            taken += 1
            if taken == sizes[0]:
                sizes.popleft()
                yield self._rows(found)
                found, taken = [], 0

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
        rows = self._checked(texts)
        found = [item for known in self._each(_split(rows), prompt, job) for item in known] if rows else []
        return self._rows(found)

    def _checked(self, texts: Sequence[str]) -> list[str]:
        rows = check_texts(texts)
        if self._language == "en":
            warn_if_foreign(rows, model=self._files.name, stacklevel=4)
        return rows

    def _rows(self, found: list[TextVector]) -> Vectors:
        too_long = [item.tokens for item in found if item.tokens > self._layout.max_tokens]
        if too_long:
            self._warn_too_long(len(too_long), len(found), max(too_long))
        rows = np.array([item.vector for item in found], dtype=np.float32)
        return rows.reshape(len(found), self._layout.dim)

    def _each(self, groups: Iterable[list[str]], prompt: str, job: Job) -> Iterator[list[TextVector]]:
        """Give vector and token count of each text, group by group; the engine goes on from one group to the next."""
        rest = iter(groups)
        for first in rest:
            yield from self._run(chain([first], rest), prompt, job)

    def _run(self, groups: Iterable[list[str]], prompt: str, job: Job) -> Iterator[list[TextVector]]:
        """Do as `_each` up to a group of which all is known: what waits for it is not held up by those after it."""
        waiting: deque[TextGroup] = deque()

        def batches() -> Iterator[Batch]:
            for texts in groups:
                waiting.append(group := self._known(texts, prompt, job))
                if not group.missing:
                    return
                yield from self._plan(group, prompt)

        source = batches()
        started = next(source, None)  # where all is known, no engine is needed
        if started is not None:
            for vectors in self._ready_engine().run(chain([started], source), job=job):
                waiting[0].take(vectors)
                if waiting[0].is_complete:
                    yield self._finished(waiting.popleft(), prompt, job)
        for group in waiting:
            yield self._finished(group, prompt, job)

    def _known(self, texts: list[str], prompt: str, job: Job) -> TextGroup:
        cache = self._vector_cache() if job == "bulk" else None
        prompted = {prompt + text: text for text in texts}
        known = {prompted[found]: row for found, row in cache.get(list(prompted)).items()} if cache else {}
        return TextGroup(texts, known, missing=[text for text in prompted.values() if text not in known])

    def _plan(self, group: TextGroup, prompt: str) -> Iterator[Batch]:
        ids, group.lengths = self._tokenizer.encode(group.missing, prompt=prompt)
        longest = self._layout.max_tokens
        rows_of = plan_batches([padded_width(len(row), longest) for row in ids], token_budget=_TOKEN_BUDGET)
        group.batches.extend(rows_of)
        group.computed = np.zeros((len(group.missing), self._layout.dim), dtype=np.float32)
        pad_id = int(self._layout.config.get("pad_token_id") or 0)
        for rows in rows_of:
            yield make_batch(rows, group.missing, ids, prompt=prompt, pad_id=pad_id, max_tokens=longest)

    def _finished(self, group: TextGroup, prompt: str, job: Job) -> list[TextVector]:
        if group.missing:
            self._check(group.computed, group.missing)
            fresh = group.fresh()
            if job == "bulk" and (cache := self._vector_cache()):
                cache.put({prompt + text: row for text, row in fresh.items()})
            group.known.update(fresh)
        return [group.known[text] for text in group.texts]

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
            stacklevel=5,
        )


def _split(texts: list[str]) -> list[list[str]]:
    """Give the parts that are tokenised at once; one of nothing for no texts."""
    return [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)] or [texts]
