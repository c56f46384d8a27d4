"""The words that go to a model: templates, documents as data, few-shot examples, budgets, and what will be sent.

    from ragkit.prompts import load_prompt, sentiment

Open first: `prompt.py` (a prompt is a value: sections with declared variables), then
- `file.py`, `library.py`  prompts are Markdown files; those that come with ragkit lie in `library/`
- `data.py`      documents and other people's words enter as data, between delimiters that nobody can guess
- `budget.py`, `explain.py`  what is dropped for a token budget, and what exactly will be sent at what cost
- `examples.py`, `selectors/`, `few_shot.py`  which examples are shown, and how they are laid out
- `parsers.py`   from what a model said to a value, or an `OutputParseError` with all it said
- `tasks/`       ready builders, one small file each to copy: sentiment, topic, entities, summaries, …
- `langchain.py` prompts and selectors as LangChain parts

May import: langchain-core at the rim; below it `ragkit.messages`, `ragkit.encoder`, `ragkit.text`, `ragkit.rank` and
`ragkit.remote.prices`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME_OF: dict[str, str] = {}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.prompts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
