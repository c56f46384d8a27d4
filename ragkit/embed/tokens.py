"""A model's tokenizer: how long a text is, and the tokens of it that the model reads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ragkit.errors import InputError, ModelFilesError, RagkitError, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokenizers import Encoding, Tokenizer

__all__ = ["TextTokenizer", "TruncationWarning", "check_texts"]


_MEMO_SIZE = 50_000
_MEMO_CHARS = 40
_MANY_CHARS = 10_000  # of fewer, to spread texts over threads takes longer than to encode them


class TruncationWarning(UserWarning):
    """A text is longer than the model reads."""


class TextTokenizer:
    """The tokenizer of `tokenizer.json`, loaded at first use, safe from many threads.

    The file's own truncation and padding are ignored: the packaged MiniLM's says 128 tokens, its model reads 256.

    BERT's own reads each run between spaces by itself, so a text counts what its runs count, and runs repeat: they are
    remembered, and counting known words costs a ninth of encoding. Others, to which spaces mean more, encode to count.
    """

    def __init__(self, folder: Path, *, max_tokens: int, lower_case: bool = False) -> None:
        self._path = folder / "tokenizer.json"
        self._lower_case = lower_case
        self._lock = threading.Lock()
        self._loaded: Tokenizer | None = None
        self._is_additive = False
        self._run_tokens: dict[str, int] = {"": 0}
        self.max_tokens = max_tokens
        """Longest sequence given, with special tokens."""

    def count(self, text: str) -> int:
        """Count all tokens of `text`, special ones included, however long it is."""
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if not self._is_additive:
            return len(self._encode([text])[0])
        runs = text.replace("\n", " ").replace("\t", " ").split(" ")
        known = self._run_tokens
        try:
            return special + sum([known[run] for run in runs])
        except KeyError:
            fresh = self._measured([run for run in runs if run not in known], special)
            return special + sum([fresh[run] if run in fresh else known[run] for run in runs])

    def _measured(self, runs: Sequence[str], special: int) -> dict[str, int]:
        """Give the tokens of each run, and remember those of words."""
        unique = list(dict.fromkeys(runs))
        fresh = {run: len(encoding) - special for run, encoding in zip(unique, self._encode(unique), strict=True)}
        if len(self._run_tokens) < _MEMO_SIZE:  # the words met first are the common ones
            self._run_tokens.update((run, count) for run, count in fresh.items() if len(run) <= _MEMO_CHARS)
        return fresh

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> tuple[list[list[int]], list[int]]:
        """Give the tokens that the model reads of each text, and how many each text has in full.

        A text that is too long loses its end; its special tokens stay.
        """
        encodings = self._encode([prompt + text for text in texts] if prompt else texts)
        lengths = [len(encoding) for encoding in encodings]
        for row, length in enumerate(lengths):
            if length > self.max_tokens:
                encodings[row] = self._encode_cut(prompt + texts[row])
        return [encoding.ids for encoding in encodings], lengths

    def _encode(self, texts: Sequence[str]) -> list[Encoding]:
        try:
            if sum(map(len, texts)) < _MANY_CHARS:
                return [self._tokenizer.encode(text) for text in texts]
            return self._tokenizer.encode_batch_fast(list(texts))
        except TypeError:  # what the binding says of a lone surrogate, which no tokenizer reads
            return self._tokenizer.encode_batch_fast([t.encode("utf-8", "replace").decode() for t in texts])

    def _encode_cut(self, text: str) -> Encoding:
        tokenizer = self._tokenizer
        plain = tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False)
        plain.truncate(self.max_tokens - tokenizer.num_special_tokens_to_add(is_pair=False))
        return tokenizer.post_process(plain, None, True)

    @property
    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Tokenizer:
        from tokenizers import Tokenizer, normalizers  # here: a query answered from BM25 alone never needs it

        try:
            tokenizer = Tokenizer.from_file(str(self._path)) if self._path.is_file() else _convert(self._path.parent)
        except RagkitError:
            raise
        except Exception as error:  # the binding raises a bare Exception for every fault of the file
            raise ModelFilesError(f"{self._path} cannot be read ({shorten(error)}): fetch the model again.") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._is_additive = _is_additive(tokenizer)
        if self._lower_case and "Lowercase" not in str(tokenizer.normalizer):
            steps = [normalizers.Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])]
            tokenizer.normalizer = normalizers.Sequence(steps)
        return tokenizer


def _is_additive(tokenizer: Tokenizer) -> bool:
    """Tell whether a text has the tokens of its runs between spaces, whatever stands beside them."""
    steps = [type(step).__name__ for step in (tokenizer.normalizer, tokenizer.pre_tokenizer)]
    added = tokenizer.get_added_tokens_decoder().values()
    return steps == ["BertNormalizer", "BertPreTokenizer"] and not any(" " in token.content for token in added)


def _convert(folder: Path) -> Tokenizer:
    """Make the tokenizer of an older model; needs the extra `local`."""
    from ragkit.embed.engines.sentence_transformers import convert_tokenizer

    return convert_tokenizer(folder)


def check_texts(texts: Sequence[str]) -> list[str]:
    """Give `texts` as a list.

    Raises:
        InputError: If it is one string, or holds something else than strings.
    """
    if isinstance(texts, str):
        raise InputError(f"texts must be a list of strings, got one string {shorten(repr(texts))}: put it into a list.")
    rows = list(texts)
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise InputError(f"texts[{row}] must be a string, got {type(text).__name__}: convert it first.")
    return rows
