"""From what a model said to a value, or an `OutputParseError` with all it said: nothing is guessed.

    from ragkit.prompts import label_parser

- `parser.py`    what a parser is: one method and a JSON schema
- `reply.py`     what may stand around the thing said: thoughts, a code fence, a line that announces it
- `strict.py`    JSON that every program reads alike: no repeated keys, no NaN, no half characters, bounded depth
- `schema.py`    is this JSON what a JSON schema says? for the words of JSON Schema that chat models are given
- `labels.py`    one label of a set, or several
- `objects.py`   JSON by a schema, a pydantic class or a TypedDict
- `entities.py`  mentions with their places in the text they were found in
- `texts.py`     plain text, an answer or none, a list
- `code.py`      a program, whose syntax is checked and which is never run
- `langchain.py` any of them as an output parser of LangChain

May import: pydantic in `objects.py`, langchain-core in `langchain.py`; of ragkit its errors and `control.py`.
"""

from __future__ import annotations

from ragkit.prompts.parsers.parser import Parser

__all__ = ["Parser"]
