"""The tokenizer and what is said: text that every Python has at hand, cut to so many tokens, never the same twice."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["END", "PADDING", "SPECIAL", "TEMPLATE", "Material", "Messages", "train_tokenizer"]

Messages: TypeAlias = "list[tuple[str, str]]"
"""Role and text, as JSON and LangChain both read them."""

PADDING, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (PADDING, START, END)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML, the layout of Qwen and many others."""


def train_tokenizer(vocabulary: int) -> Tokenizer:
    """Train a byte-level BPE on the source of Python's standard library: the same for the same Python."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer


def _texts() -> Iterator[str]:
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        yield path.read_text(encoding="utf-8", errors="replace")


@dataclass(slots=True)
class Material:
    """Hands out pieces of one long text; a number before each keeps two rounds from sharing a prefix."""

    ids: list[int]
    """The long text, as tokens."""
    tokenizer: Tokenizer
    given: int = 0
    """Tokens handed out so far."""
    pieces: int = 0
    """Pieces handed out so far."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Material:
        """Read the text once."""
        return cls(tokenizer.encode("\n".join(_texts())).ids, tokenizer)

    def cut(self, tokens: int) -> str:
        """Give the next piece, of about so many tokens."""
        self.pieces += 1
        if self.given + tokens > len(self.ids):
            self.given = 0
        piece = self.ids[self.given : self.given + tokens]
        self.given += tokens
        return f"{self.pieces}: {self.tokenizer.decode(piece)}"

    def question(self, tokens: int) -> Messages:
        """Give a conversation of one message."""
        return [("user", self.cut(tokens))]
