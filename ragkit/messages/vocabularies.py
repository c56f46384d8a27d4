"""Which vocabulary and which image formula an OpenAI model counts with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["CL100K", "O200K", "Vocabulary", "image_tokens", "vocabulary_of"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A published byte-pair vocabulary."""

    name: str
    sha256: str
    """Of the file."""
    pattern: str
    """How text is cut before pairs are merged."""

    def file_in(self, folder: Path) -> Path | None:
        """Give its file in a folder, under its own name or that of tiktoken's cache; None if neither is there."""
        url = f"https://openaipublic.blob.core.windows.net/encodings/{self.name}.tiktoken"
        cached = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
        paths = (folder / f"{self.name}.tiktoken", folder / cached)
        return next((path for path in paths if path.is_file()), None)


# Hashes and patterns as published in tiktoken 0.14 (tiktoken_ext/openai_public.py), MIT licence.
CL100K: Final = Vocabulary(
    "cl100k_base",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s",
)
O200K: Final = Vocabulary(
    "o200k_base",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)

# The first prefix that fits decides.
_VOCABULARY_OF: Final = (
    (("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "chatgpt-4o", "o1", "o3", "o4"), O200K),
    (("gpt-4", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada-002"), CL100K),
)

# Largest image, detail "high": at most 8 tiles of 512 pixels after scaling, or 1,536 patches of 32; then the least,
# detail "low". Source: OpenAI, "Images and vision", section "Calculating costs".
_IMAGES: Final = (
    (("gpt-4o-mini",), (2833 + 8 * 5667, 2833)),
    (("gpt-4o", "gpt-4.1-2", "gpt-4.5", "gpt-4-"), (85 + 8 * 170, 85)),
    (("gpt-4.1-mini", "gpt-5-mini"), (2489, 2489)),
    (("gpt-4.1-nano", "gpt-5-nano"), (3779, 3779)),
    (("gpt-4.1",), (85 + 8 * 170, 85)),
    (("o4-mini",), (2642, 2642)),
    (("o1", "o3"), (75 + 8 * 150, 75)),
    (("gpt-5",), (70 + 8 * 140, 70)),
)
_ANY_IMAGE: Final = (3779, 3779)


def vocabulary_of(model: str) -> Vocabulary | None:
    """Give the vocabulary of a model by its name, fine-tuned ones included; None where it is not known."""
    name = model.removeprefix("ft:")
    return next((vocabulary for prefixes, vocabulary in _VOCABULARY_OF if name.startswith(prefixes)), None)


def image_tokens(model: str, *, low: bool) -> int:
    """Give the most tokens that an image can take, whatever its size.

    Args:
        model: Its name; an unknown one gets the largest bound but that of gpt-4o-mini.
        low: Whether the image is sent with `detail: "low"`.
    """
    name = model.removeprefix("ft:")
    most, least = next((tokens for prefixes, tokens in _IMAGES if name.startswith(prefixes)), _ANY_IMAGE)
    return least if low else most
