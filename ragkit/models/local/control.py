"""Control tokens that users and documents write stay text; those that the chat template writes stay control tokens.

A message that says `<|im_end|>` must not end its own turn. Before a template sees a text, control tokens in it are
replaced by placeholders; the finished prompt is then read by a copy of the tokenizer in which every control token
bears a secret name. The template's own get their secret names, the placeholders get their first spelling back, and
one pass over the whole prompt gives ids. A prompt without placeholders goes straight through the model's tokenizer,
unless that reads a control token which nobody wrote: a normalizer may make `</s>` of letters of full width.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

from tokenizers import Tokenizer

from ragkit.errors import InputError

__all__ = ["ControlTokens", "Hidden", "around", "token_ids", "without_limits"]


class Hidden:
    """Placeholders for the control tokens found in the texts of one prompt."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self.found: list[str] = []

    def put(self, match: re.Match[str]) -> str:
        """Keep a control token and give what stands for it."""
        self.found.append(match[0])
        return f"{self._stem}x{len(self.found) - 1}x"

    def restore(self, text: str) -> str:
        """Write the control tokens back, as the text that they are."""
        return re.sub(f"{self._stem}x([0-9]+)x", lambda match: self.found[int(match[1])], text)


class ControlTokens:
    """What tells a tokenizer's control tokens from text that looks like them; safe from many threads.

    Control tokens are the special tokens, and those added tokens that the chat template writes (`<think>`,
    `<tool_call>` are often not marked special); other added tokens are vocabulary like any other.

    Args:
        backend: The tokenizer itself; its padding and truncation must be off.
        template: The chat template's source; empty for none.
    """

    def __init__(self, backend: Tokenizer, template: str = "") -> None:
        self._backend, self._lock = backend, Lock()
        added = backend.get_added_tokens_decoder()
        self._ids = {token.content: number for number, token in added.items()}
        self._special = frozenset(token.content for token in added.values() if token.special)
        written = (text for text in self._ids if text in template and not text.isspace() and not text.isalnum())
        self._control = self._special | frozenset(written)
        self._control_ids = frozenset(self._ids[text] for text in self._control)
        self._special_re, self._control_re = _any_of(self._special), _any_of(self._control)

    def hidden(self, texts: Iterable[str]) -> Hidden:
        """Give fresh placeholders, whose look occurs in none of `texts`."""
        everything = "\0".join(texts)
        return Hidden(next(stem for n in range(1 << 30) if (stem := f"control{n}") not in everything))

    def hide(self, value: Any, hidden: Hidden, *, own: bool = False) -> Any:
        """Give `value` with placeholders for the control tokens in all its texts.

        Args:
            value: A text, or dicts and lists of them; never changed.
            hidden: Where what was found is kept.
            own: Whether the model wrote it: then marks that are not special tokens, such as `<think>`, stay.
        """
        if isinstance(value, str):
            return (self._special_re if own else self._control_re).sub(hidden.put, value)
        if isinstance(value, Mapping):
            return {self.hide(key, hidden, own=own): self.hide(item, hidden, own=own) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.hide(item, hidden, own=own) for item in value]
        return value

    def hide_turns(self, turns: Sequence[Mapping[str, Any]], hidden: Hidden) -> list[dict[str, Any]]:
        """Give messages, as chat templates read them, with placeholders; what the model said keeps its own marks."""
        return [
            {
                key: self.hide(value, hidden, own=key == "content" and turn["role"] == "assistant")
                for key, value in turn.items()
            }
            for turn in turns
        ]

    def special_in(self, text: str) -> list[int]:
        """Give the special tokens that occur in `text`, in order."""
        return [self._ids[found] for found in self._special_re.findall(text)]

    def encode(self, text: str, hidden: Hidden) -> list[int]:
        """Give the ids of a prompt, adding no special tokens.

        Raises:
            InputError: For half a character, which no tokenizer reads.
        """
        if not hidden.found:
            ids = token_ids(self._backend, text)
            written = [self._ids[found] for found in self._control_re.findall(text)]
            if written == [token for token in ids if token in self._control_ids]:
                return ids
        return self.encode_apart(text, hidden)

    def encode_apart(self, text: str, hidden: Hidden) -> list[int]:
        """Give the ids of a prompt with the renamed copy of the tokenizer, whether or not anything was hidden."""
        twin, names, ids = self._twin
        named = self._control_re.sub(lambda match: names[match[0]], text)
        return [ids.get(token, token) for token in token_ids(twin, hidden.restore(named))]

    @property
    def _twin(self) -> tuple[Tokenizer, Mapping[str, str], Mapping[int, int]]:
        with self._lock:  # made once, on the first prompt that needs it: half a second for 150,000 tokens
            return self._made

    @cached_property
    def _made(self) -> tuple[Tokenizer, Mapping[str, str], Mapping[int, int]]:
        nonce = secrets.token_hex(8)  # nobody can write a name into a message that is made up here
        names = {text: f"\U000f5a3c{nonce}{n}\U000f5a3c" for n, text in enumerate(sorted(self._control))}
        twin = Tokenizer.from_str(json.dumps(_renamed(json.loads(self._backend.to_str()), names)))
        spelt = {token.content: number for number, token in twin.get_added_tokens_decoder().items()}
        return twin, names, {spelt[name]: self._ids[text] for text, name in names.items()}


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _renamed(state: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Rename control tokens wherever a tokenizer's file spells them: added tokens, vocabulary, unknown token."""
    model = state["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(text, text): token for text, token in vocabulary.items()}
    else:  # Unigram: the position is the id
        model["vocab"] = [[names.get(text, text), score] for text, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    added = [{**token, "content": names.get(token["content"], token["content"])} for token in state["added_tokens"]]
    return {**state, "added_tokens": added, "post_processor": None, "truncation": None, "padding": None}


def token_ids(backend: Tokenizer, text: str) -> list[int]:
    """Give the ids of a text, adding no special tokens.

    Raises:
        InputError: For half a character, which no tokenizer reads.
    """
    try:
        return list(backend.encode(text, add_special_tokens=False).ids)
    except TypeError as error:  # what the binding says of a lone surrogate
        raise InputError("the text holds half a character (a lone surrogate): decode it as UTF-8 first.") from error


def without_limits(backend: Tokenizer) -> Tokenizer:
    """Give a copy of a tokenizer that neither pads nor cuts, and that nobody else can change."""
    copy = Tokenizer.from_str(backend.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def around(backend: Tokenizer) -> tuple[Sequence[int], Sequence[int]]:
    """Give the special tokens that a tokenizer puts before and after a text by itself."""
    bare = backend.encode("a", add_special_tokens=False).ids
    full = backend.encode("a", add_special_tokens=True).ids
    start = next(n for n in range(len(full) + 1) if full[n : n + len(bare)] == bare)
    return full[:start], full[start + len(bare) :]
