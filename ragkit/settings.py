"""The one reader of the environment. Every key has a line in `.env.example`; a test compares the two.

Library rooms never read the environment: the composition root and the commands read `Settings` once and pass values on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError, shorten

__all__ = ["Settings"]

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def _flag(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("expected 1 or 0")


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError("expected at least 1")
    return number


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _key(name: str, read: Callable[[str], Any], default: Any, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"key": name, "read": read})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user may set from outside, checked when read.

    Raises:
        ConfigError: From `from_environment`, for an unknown RAGKIT_ key or a value that cannot be read.
    """

    cache: Path = _key("RAGKIT_CACHE", Path, Path("~/.cache/ragkit"))
    """Folder for what can be computed again: embeddings already made."""
    engine: str = _key("RAGKIT_ENGINE", str, "auto")
    """Engine of the embedding model, by name."""
    threads: int | None = _key("RAGKIT_THREADS", _positive, None)
    """Threads for embedding; None for all cores."""
    offline: bool = _key("RAGKIT_OFFLINE", _flag, False)
    """Refuse every download."""
    data: Path = _key("RAGKIT_DATA", Path, Path("../shared/data"))
    """Folder of evaluation collections, for `evals/` and the tests that need real data."""
    hub_offline: bool = _key("HF_HUB_OFFLINE", _flag, False)
    """Hugging Face's own switch; either this or `offline` forbids downloads."""
    hub_cache: Path | None = _key("HF_HUB_CACHE", Path, None)
    """Folder of models downloaded from the hub; None for Hugging Face's default."""
    hub_home: Path | None = _key("HF_HOME", Path, None)
    """Folder of everything Hugging Face keeps, the models in its `hub`; used where HF_HUB_CACHE is not set."""
    hub_token: str | None = _key("HF_TOKEN", str, None, secret=True)
    """Token for private models; never shown."""
    openai_key: str | None = _key("OPENAI_API_KEY", str, None, secret=True)
    """Key for models named `openai:…`; never shown."""
    openai_base_url: str | None = _key("OPENAI_BASE_URL", str, None)
    """Server of models named `openai:…`, with its `/v1`; None for OpenAI's own."""
    openai_organization: str | None = _key("OPENAI_ORG_ID", str, None)
    """Organisation that OpenAI bills; None for the key's own."""
    openai_project: str | None = _key("OPENAI_PROJECT_ID", str, None)
    """Project that OpenAI bills; None for the key's own."""
    vocabulary_folder: Path | None = _key("TIKTOKEN_CACHE_DIR", _path, None)
    """Folder of tiktoken's vocabulary files, for exact counts of tokens; None for estimates. Nothing is fetched."""
    prices: Path | None = _key("RAGKIT_PRICES", _path, None)
    """Prices of your own, laid over those of `ragkit/remote/prices.json` and in its form."""
    prompts: Path | None = _key("RAGKIT_PROMPTS", _path, None)
    """Folder of prompts of your own: for the command line and `ragkit.chat_model` a file there replaces the built-in
    prompt of its name."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `environ` (default: the process environment)."""
        environ = os.environ if environ is None else environ
        known = {item.metadata["key"]: item for item in fields(cls)}
        unknown = sorted(key for key in environ if key.startswith("RAGKIT_") and key not in known)
        if unknown:
            raise ConfigError(f"unknown setting {shorten(unknown[0])}: expected one of {', '.join(sorted(known))}.")
        values: dict[str, Any] = {}
        for key, item in known.items():
            if environ.get(key):
                try:
                    values[item.name] = item.metadata["read"](environ[key])
                except ValueError as error:
                    raise ConfigError(f"setting {key} cannot be {shorten(environ[key])!r}: {error}.") from error
        return cls(**values)

    @property
    def downloads_allowed(self) -> bool:
        """Whether a named hub model may be fetched."""
        return not (self.offline or self.hub_offline)

    @property
    def hub_folder(self) -> Path | None:
        """Where downloaded models lie; None for Hugging Face's default."""
        if self.hub_cache is not None:
            return self.hub_cache.expanduser()
        return None if self.hub_home is None else self.hub_home.expanduser() / "hub"

    @property
    def cache_folder(self) -> Path:
        """`cache` with the home folder filled in."""
        return self.cache.expanduser()
