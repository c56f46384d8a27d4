"""The words that go to a model: templates, documents as data, few-shot examples, budgets, and what will be sent.

    from ragkit.prompts import load_prompt, sentiment

Open first: `prompt.py` (a prompt is a value: sections with declared variables), then
- `file.py`, `library.py`  prompts are Markdown files; those that come with ragkit lie in `texts/`
- `data.py`, `control.py`  documents and other people's words enter as data, between delimiters that nobody can guess
- `budget.py`, `explanation.py`  what is dropped for a token budget, and what exactly will be sent at what cost
- `examples.py`, `selectors/`, `few_shot.py`  which examples are shown, and how they are laid out
- `parsers/`     from what a model said to a value, or an `OutputParseError` with all it said
- `tasks/`       ready builders, one small file each to copy: sentiment, topic, entities, summaries, …
- `langchain.py`, `few_shot_chain.py`  prompts as LangChain parts

May import: langchain-core at the rim; below it `ragkit.messages`, `ragkit.encoder`, `ragkit.text`, `ragkit.rank` and
`ragkit.remote.prices`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.prompts.budget import Dropped as Dropped
    from ragkit.prompts.budget import Fitted as Fitted
    from ragkit.prompts.budget import fit as fit
    from ragkit.prompts.control import escape_control as escape_control
    from ragkit.prompts.control import unescape_control as unescape_control
    from ragkit.prompts.data import Source as Source
    from ragkit.prompts.data import as_source as as_source
    from ragkit.prompts.examples import Example as Example
    from ragkit.prompts.examples import as_examples as as_examples
    from ragkit.prompts.examples import read_examples as read_examples
    from ragkit.prompts.examples import write_examples as write_examples
    from ragkit.prompts.explanation import Explanation as Explanation
    from ragkit.prompts.explanation import explain as explain
    from ragkit.prompts.few_shot import FewShot as FewShot
    from ragkit.prompts.file import parse_prompt as parse_prompt
    from ragkit.prompts.file import read_prompt as read_prompt
    from ragkit.prompts.file import write_prompt as write_prompt
    from ragkit.prompts.langchain import ChatPrompt as ChatPrompt
    from ragkit.prompts.library import load_prompt as load_prompt
    from ragkit.prompts.library import prompts as prompts
    from ragkit.prompts.parsers.code import code_parser as code_parser
    from ragkit.prompts.parsers.entities import Mention as Mention
    from ragkit.prompts.parsers.entities import entities_parser as entities_parser
    from ragkit.prompts.parsers.entities import show_mentions as show_mentions
    from ragkit.prompts.parsers.labels import label_parser as label_parser
    from ragkit.prompts.parsers.labels import labels_parser as labels_parser
    from ragkit.prompts.parsers.langchain import as_langchain as as_langchain
    from ragkit.prompts.parsers.objects import json_parser as json_parser
    from ragkit.prompts.parsers.parser import Parser as Parser
    from ragkit.prompts.parsers.texts import answer_parser as answer_parser
    from ragkit.prompts.parsers.texts import list_parser as list_parser
    from ragkit.prompts.parsers.texts import text_parser as text_parser
    from ragkit.prompts.prompt import Prompt as Prompt
    from ragkit.prompts.sections import Section as Section
    from ragkit.prompts.selectors.given import FixedSelector as FixedSelector
    from ragkit.prompts.selectors.given import LengthSelector as LengthSelector
    from ragkit.prompts.selectors.given import RandomSelector as RandomSelector
    from ragkit.prompts.selectors.langchain import LangChainExampleSelector as LangChainExampleSelector
    from ragkit.prompts.selectors.marginal import MMRSelector as MMRSelector
    from ragkit.prompts.selectors.ngrams import NGramOverlapSelector as NGramOverlapSelector
    from ragkit.prompts.selectors.selector import Selector as Selector
    from ragkit.prompts.selectors.similarity import SimilaritySelector as SimilaritySelector
    from ragkit.prompts.selectors.stratified import StratifiedSelector as StratifiedSelector
    from ragkit.prompts.tasks.answer_question import answer_question as answer_question
    from ragkit.prompts.tasks.entities import entities as entities
    from ragkit.prompts.tasks.rewrite import rewrite as rewrite
    from ragkit.prompts.tasks.sentiment import sentiment as sentiment
    from ragkit.prompts.tasks.summarise import summarise as summarise
    from ragkit.prompts.tasks.topic import topic as topic
    from ragkit.prompts.tasks.translate import translate as translate
    from ragkit.prompts.tasks.write_code import write_code as write_code
    from ragkit.prompts.variable import Variable as Variable

_HOME_OF = {
    "ChatPrompt": "ragkit.prompts.langchain",
    "Dropped": "ragkit.prompts.budget",
    "Example": "ragkit.prompts.examples",
    "Explanation": "ragkit.prompts.explanation",
    "FewShot": "ragkit.prompts.few_shot",
    "Fitted": "ragkit.prompts.budget",
    "FixedSelector": "ragkit.prompts.selectors.given",
    "LangChainExampleSelector": "ragkit.prompts.selectors.langchain",
    "LengthSelector": "ragkit.prompts.selectors.given",
    "MMRSelector": "ragkit.prompts.selectors.marginal",
    "Mention": "ragkit.prompts.parsers.entities",
    "NGramOverlapSelector": "ragkit.prompts.selectors.ngrams",
    "Parser": "ragkit.prompts.parsers.parser",
    "Prompt": "ragkit.prompts.prompt",
    "RandomSelector": "ragkit.prompts.selectors.given",
    "Section": "ragkit.prompts.sections",
    "Selector": "ragkit.prompts.selectors.selector",
    "SimilaritySelector": "ragkit.prompts.selectors.similarity",
    "Source": "ragkit.prompts.data",
    "StratifiedSelector": "ragkit.prompts.selectors.stratified",
    "Variable": "ragkit.prompts.variable",
    "answer_parser": "ragkit.prompts.parsers.texts",
    "answer_question": "ragkit.prompts.tasks.answer_question",
    "as_examples": "ragkit.prompts.examples",
    "as_langchain": "ragkit.prompts.parsers.langchain",
    "as_source": "ragkit.prompts.data",
    "code_parser": "ragkit.prompts.parsers.code",
    "entities": "ragkit.prompts.tasks.entities",
    "entities_parser": "ragkit.prompts.parsers.entities",
    "escape_control": "ragkit.prompts.control",
    "explain": "ragkit.prompts.explanation",
    "fit": "ragkit.prompts.budget",
    "json_parser": "ragkit.prompts.parsers.objects",
    "label_parser": "ragkit.prompts.parsers.labels",
    "labels_parser": "ragkit.prompts.parsers.labels",
    "list_parser": "ragkit.prompts.parsers.texts",
    "load_prompt": "ragkit.prompts.library",
    "parse_prompt": "ragkit.prompts.file",
    "prompts": "ragkit.prompts.library",
    "read_examples": "ragkit.prompts.examples",
    "read_prompt": "ragkit.prompts.file",
    "rewrite": "ragkit.prompts.tasks.rewrite",
    "sentiment": "ragkit.prompts.tasks.sentiment",
    "show_mentions": "ragkit.prompts.parsers.entities",
    "summarise": "ragkit.prompts.tasks.summarise",
    "text_parser": "ragkit.prompts.parsers.texts",
    "topic": "ragkit.prompts.tasks.topic",
    "translate": "ragkit.prompts.tasks.translate",
    "unescape_control": "ragkit.prompts.control",
    "write_code": "ragkit.prompts.tasks.write_code",
    "write_examples": "ragkit.prompts.examples",
    "write_prompt": "ragkit.prompts.file",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.prompts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
