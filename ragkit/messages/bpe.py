"""OpenAI's vocabularies, read from a file on disk; never fetched."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit._optional import require
from ragkit.errors import ModelFilesError

with require(feature="Counting tokens with a vocabulary file", package="tiktoken", extra="openai"):
    import tiktoken

if TYPE_CHECKING:
    from pathlib import Path

    from ragkit.messages.vocabularies import Vocabulary

__all__ = ["ByteVocabulary", "load_vocabulary"]


@dataclass(frozen=True, slots=True)
class ByteVocabulary:
    """Counts tokens as OpenAI's models read them."""

    encoding: tiktoken.Encoding

    def count(self, text: str) -> int:
        """Count the tokens of a text; the names of control tokens in it are text."""
        return len(self.encoding.encode_ordinary(text))


def load_vocabulary(path: Path, vocabulary: Vocabulary) -> ByteVocabulary:
    """Read a vocabulary file (one token and its rank a line).

    Raises:
        ModelFilesError: If the file cannot be read, or is not the published one.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelFilesError(f"the vocabulary file {path} cannot be read: {error}.") from error
    if (found := hashlib.sha256(raw).hexdigest()) != vocabulary.sha256:
        raise ModelFilesError(
            f"{path} is not the published {vocabulary.name}.tiktoken: its sha256 is {found[:12]}…, expected "
            f"{vocabulary.sha256[:12]}…; fetch it again, or name another folder."
        )
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, raw.splitlines())}
    return ByteVocabulary(
        tiktoken.Encoding(vocabulary.name, pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens={})
    )
