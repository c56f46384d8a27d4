from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from ragkit.errors import ModelFilesError
from ragkit.messages.bpe import load_vocabulary
from ragkit.messages.vocabularies import O200K, Vocabulary


def _small_file(path: Path) -> Vocabulary:
    tokens = [bytes([byte]) for byte in range(256)] + [b"he", b"ll", b"hell", b"hello", b" t", b" te"]
    path.write_text("\n".join(f"{base64.b64encode(t).decode()} {rank}" for rank, t in enumerate(tokens)))
    return Vocabulary("small", hashlib.sha256(path.read_bytes()).hexdigest(), O200K.pattern)


def test_a_vocabulary_file_is_read_as_tiktoken_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "small.tiktoken"

    counted = load_vocabulary(path, _small_file(path)).count

    assert counted("hello") == 1
    assert counted("hello test") == 1 + 3
    assert counted("<|endoftext|>") == 13


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="cannot be read"):
        load_vocabulary(tmp_path / "gone.tiktoken", O200K)
