"""Prompts by name: those that come with ragkit, and a folder of your own that replaces them.

The command line and `ragkit.chat_model` look into the folder that RAGKIT_PROMPTS names. Library code reads no
environment; there a prompt is handed to whoever uses it, after `ragkit prompts export prompts`:

    sentiment().with_prompt(load_prompt("sentiment", folder="prompts"))
    SummaryOptions(prompt=load_prompt("summarise-conversation", folder="prompts"))
    LocalChatModel(model=…, tool_prompt=load_prompt("call-tools", folder="prompts"))
    ChatJudge(model, JudgePrompt.load(folder="prompts"))
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ragkit.errors import ConfigError, shorten
from ragkit.prompts.file import parse_prompt, read_prompt
from ragkit.prompts.prompt import Prompt

__all__ = ["BUILT_IN", "load_prompt", "prompt_text", "prompts"]

BUILT_IN = "built in"
"""The `origin` of prompts that come with ragkit."""

_SUFFIX = ".md"


def load_prompt(name: str, *, folder: str | Path | None = None) -> Prompt:
    """Read a prompt by name.

    Args:
        name: As its file is called, without `.md`.
        folder: Prompts of your own: a file there replaces the built-in one of its name; hidden files and a README.md
            are passed over. None for the built-in ones.

    Raises:
        ConfigError: If there is none of that name, the file cannot be read as a prompt, or it replaces a built-in one
            and does not take the same variables.
    """
    own = {path.name.removesuffix(_SUFFIX): path for path in _own_files(folder)}
    if name not in own and name not in _built_in_names():
        known = ", ".join(sorted({*_built_in_names(), *own}))
        raise ConfigError(f"there is no prompt {shorten(repr(name))}: choose one of {known}.")
    if name not in own:
        return _built_in(name)
    prompt = _read_own(own[name])
    if name in _built_in_names():
        _check_variables(prompt, _built_in(name))
    return prompt


def prompts(*, folder: str | Path | None = None) -> list[Prompt]:
    """Read all prompts, sorted by name: of `folder` where it has one of that name, else the built-in one.

    Raises:
        ConfigError: As `load_prompt`, for the first file that is wrong.
    """
    names = {*_built_in_names(), *(path.name.removesuffix(_SUFFIX) for path in _own_files(folder))}
    return [load_prompt(name, folder=folder) for name in sorted(names)]


def prompt_text(name: str, *, folder: str | Path | None = None) -> str:
    """Give the file of a prompt as it is, to be read, or copied and changed.

    Raises:
        ConfigError: As `load_prompt`.
    """
    prompt = load_prompt(name, folder=folder)
    if prompt.origin != BUILT_IN:
        return Path(prompt.origin).read_text(encoding="utf-8-sig")
    return _built_in_text(name)


@cache
def _built_in_names() -> tuple[str, ...]:
    found = (file.name for file in _texts().iterdir() if file.name.endswith(_SUFFIX))
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found))


@cache  # a model that is told its tools in words asks for its prompt at every call
def _built_in(name: str) -> Prompt:
    return parse_prompt(_built_in_text(name), origin=BUILT_IN)


def _built_in_text(name: str) -> str:
    return (_texts() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def _texts() -> Traversable:
    return files("ragkit.prompts") / "texts"


def _own_files(folder: str | Path | None) -> Iterator[Path]:
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise ConfigError(f"there is no folder {folder} of prompts: create it, or export prompts into it.")
    for path in sorted(Path(folder).iterdir()):
        is_prompt = path.suffix == _SUFFIX and path.name[0] != "." and path.name.lower() != "readme.md"
        if is_prompt and path.is_file():
            yield path


def _read_own(path: Path) -> Prompt:
    prompt = read_prompt(path)
    if prompt.name != path.stem:
        raise ConfigError(
            f"{path} holds a prompt called {prompt.name}: its name must be that of its file, {path.stem}."
        )
    return prompt


def _check_variables(prompt: Prompt, original: Prompt) -> None:
    """Refuse a replacement that the code which fills its slots could not serve."""
    given = {name: prompt.variable(name).kind for name in prompt.variable_names}
    served = {name: original.variable(name).kind for name in original.variable_names}
    if given != served:
        expected = ", ".join(f"{name} ({kind})" for name, kind in served.items())
        raise ConfigError(f"{prompt.origin} replaces the built-in prompt {prompt.name}, and must take: {expected}.")
    if more := sorted(set(prompt.required_names) - set(original.required_names)):
        raise ConfigError(f"{prompt.origin} must give a default for {', '.join(more)}, as the built-in prompt does.")
