"""The seam: what an engine is given, what it gives, and its names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from ragkit.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ragkit.encoder import Vectors

__all__ = ["ENGINES", "Batch", "Engine", "EngineName", "Job", "check_engine_name"]

EngineName: TypeAlias = Literal["auto", "openvino", "openvino-bf16", "openvino-f32", "sentence-transformers"]
"""`auto`: OpenVINO where it knows the architecture, else sentence-transformers. `openvino`: bf16 where the processor
has it, else f32. `sentence-transformers`: the reference, in float32 on torch."""

Job: TypeAlias = Literal["query", "bulk"]
"""`query`: one text as soon as possible. `bulk`: many texts per second."""

ENGINES: tuple[EngineName, ...] = ("auto", "openvino", "openvino-bf16", "openvino-f32", "sentence-transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts of about one length, ready to compute."""

    texts: tuple[str, ...]
    """The texts as given, without the prompt."""
    prompt: str
    """What is put before every text; already part of `ids`."""
    ids: NDArray[np.int32]
    """Tokens, shape `(n, length)`, padded on the right."""
    mask: NDArray[np.int32]
    """1 for a token, 0 for padding, shape `(n, length)`."""


class Engine(Protocol):
    """Computes sentence vectors. Every engine agrees with the reference to a cosine of at least 0.999."""

    @property
    def name(self) -> str:
        """Which engine and precision this is, such as `openvino-bf16`."""
        ...

    def run(self, batches: Iterable[Batch], *, job: Job) -> Iterator[Vectors]:
        """Give one `(n, dim)` float32 array of unit rows per batch, in their order; safe from many threads."""
        ...


def check_engine_name(name: Any) -> EngineName:  # Any: comes from a command line or the environment
    """Give `name` when it is an engine.

    Raises:
        ConfigError: If it is not.
    """
    for known in ENGINES:
        if name == known:
            return known
    raise ConfigError(f"engine {shorten(repr(name))} is not known: expected one of {', '.join(ENGINES)}.")
