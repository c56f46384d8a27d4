"""A few-shot prompt: an instruction, examples chosen for each text, the text, and a parser of the reply.

`FewShot` is a value. Everything about it is in its fields, so a ready builder is one function that fills them, and
another selector, other examples or another layout is a copy: `builder.with_examples(mine)`. From labelled rows to a
classifier with any chat model and any embeddings of LangChain:

    rows = read_examples("rows.csv", input_key="text", output_key="label")
    nearest = SimilaritySelector(rows, OpenAIEmbeddings(), 8)
    topics = topic(sorted({row.output for row in rows}), selector=nearest)
    classifier = topics.runnable(ChatOpenAI(model="gpt-4o-mini"))
    classifier.batch(["My card is lost.", "Why is my top-up late?"])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, get_args

from langchain_core.messages import BaseMessage

from ragkit.errors import ConfigError, InputError, OutputParseError, shorten
from ragkit.messages.counters import Counted, counter_of
from ragkit.prompts.control import unescape_control
from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.parsers.parser import Parser
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.selector import PoolSelector, Selector

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from ragkit.prompts.budget import Fitted
    from ragkit.prompts.explanation import Explanation
    from ragkit.prompts.few_shot_chain import FewShotChatPrompt
    from ragkit.remote.prices import PriceTable

__all__ = ["FewShot", "Layout"]

T = TypeVar("T")
Layout = Literal["turns", "text"]


@dataclass(frozen=True, eq=False)
class FewShot(Generic[T]):
    """An instruction with examples, ready to be asked about one text after the other.

    The prompt has one variable of kind `examples`, and one that takes the text asked about: `subject`.

    Raises:
        ConfigError: If the prompt has no such variables, or its examples where the layout cannot have them, if
            `max_tokens` comes without a counter, or if the selector is none.
        InputError: If an option is no variable of the prompt, or not what it takes, or the text or the examples.

    Example:
        >>> from ragkit.prompts.tasks.sentiment import sentiment
        >>> moods = sentiment([("A gem.", "positive"), ("A bore.", "negative")])
        >>> [message.type for message in moods.render("I laughed.")]
        ['system', 'human', 'ai', 'human', 'ai', 'human']
    """

    prompt: Prompt
    selector: Selector
    parser: Parser[T]
    layout: Layout = "turns"
    """`turns`: each example is a turn of the user and one of the assistant; `text`: all stand before the question."""
    measure: str = ""
    """The measure by which the task is usually judged, such as `macro_f1`; empty for none."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Values of the prompt's other variables, such as its labels."""
    subject: str = "text"
    """The prompt's variable that takes the text asked about."""
    max_tokens: int | None = None
    """The most the messages may take; examples that have no room are not shown. None for no bound."""
    counter: Counted = field(default=None, repr=False)
    """Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`."""
    seed: int | None = None
    """Of the mark around documents, as `Prompt.render` takes it; None draws a new one each time."""

    def __post_init__(self) -> None:
        _check_variables(self.prompt, self.subject)
        chooser: object = self.selector
        if not isinstance(chooser, Selector):
            got = type(chooser).__name__
            raise ConfigError(f"a selector has `select` and `card`, got {got}: wrap examples in FixedSelector.")
        if self.layout not in get_args(Layout):
            raise ConfigError(f"layout must be one of {', '.join(get_args(Layout))}, got {shorten(repr(self.layout))}.")
        if self.layout == "turns" and Section("slot", self.examples_variable) not in self.prompt.sections:
            raise ConfigError(
                f"prompt {self.prompt.name} has its examples inside a section: pass layout='text', or give "
                f"{{{{{self.examples_variable}}}}} a section of its own."
            )
        if self.max_tokens is not None and self.counter is None:
            raise ConfigError("max_tokens needs a counter: pass the chat model, its name or a TokenCounter.")
        self._refuse_own(self.options)
        self.laid_out  # noqa: B018  # an unknown option is an error now, not at the first question

    @property
    def card(self) -> Mapping[str, Any]:
        """Everything that decides what a model is shown, as JSON; no text of an example."""
        filled = dict(self.laid_out.filled)
        kept = [one.name for one in self.prompt.variables if one.kind == "option" and one.name in filled]
        options = {name: list(filled[name]) if isinstance(filled[name], tuple) else filled[name] for name in kept}
        return {
            "prompt": self.laid_out.card,
            "selector": dict(self.selector.card),
            "layout": self.layout,
            "options": options,
            "max_tokens": self.max_tokens,
        }

    def choose(self, text: str, /) -> Sequence[Example]:
        """Give the examples for `text`, before any budget, in the order they are shown."""
        return self.selector.select(text)

    def values(self, text: str, /, **values: Any) -> dict[str, Any]:
        """Give what the prompt's variables take for `text`: itself, its examples, and `values`.

        Raises:
            InputError: If `text` is none, or `values` gives it or the examples, which are given otherwise.
        """
        self._refuse_own(values)
        self.prompt.variable(self.subject).checked(text)  # before a selector looks at it
        return {**values, self.examples_variable: self.choose(text), self.subject: text}

    def fitted(self, text: str, /, **values: Any) -> Fitted:
        """Give the messages with what had to go for the budget.

        Raises:
            InputError: Of a variable that is missing, unknown or given what its kind does not take.
            ContextLengthError: If there is too much even without examples, history and documents.
            ConfigError: If the few-shot prompt has no budget.
        """
        if self.max_tokens is None or self.counter is None:
            raise ConfigError("there is no budget to fit: make the few-shot prompt with max_tokens and counter.")
        from ragkit.prompts.budget import fit

        given = self.values(text, **values)
        return fit(self.laid_out, given, max_tokens=self.max_tokens, counter=self.counter, seed=self.seed)

    def render(self, text: str, /, **values: Any) -> list[BaseMessage]:
        """Give the messages that ask about `text`, within the budget.

        Args:
            text: What is asked about.
            **values: Of the prompt's other variables; they go before `options`.

        Raises:
            InputError: Of a variable that is missing, unknown or given what its kind does not take.
            ContextLengthError: If there is too much even without examples.
        """
        if self.max_tokens is not None:
            return list(self.fitted(text, **values).messages)
        return self.laid_out.render(self.values(text, **values), seed=self.seed)

    def explain(
        self,
        text: str,
        /,
        *,
        model: Any = None,  # a chat model, a chain with one, or a SPEC
        reply_tokens: int | None = None,
        prices: PriceTable | None = None,
        **values: Any,
    ) -> Explanation:
        """Say what would be sent, what it takes and costs, and what was left out for the budget.

        Calls no chat model; a selector that compares by embeddings embeds `text`.

        Args:
            text: What is asked about.
            model: Whose price counts and, where there is no budget, whose tokens; None for `counter`, or an estimate.
            reply_tokens: How long a reply to reckon with.
            prices: Default: the table that comes with ragkit.
            **values: As of `render`; one that is called like an argument here is given among `options`.

        Raises:
            InputError: Of a variable that is missing, unknown or given what its kind does not take.
            ContextLengthError: If there is too much even without examples, history and documents.
        """
        from ragkit.prompts.explanation import explain

        given = self.values(text, **values)
        counter = None if model is not None and self.max_tokens is None else self.counter
        return explain(
            self.laid_out,
            given,
            model=model,
            counter=None if counter is None else counter_of(counter),
            max_tokens=self.max_tokens,
            reply_tokens=reply_tokens,
            prices=prices,
            seed=self.seed,
        )

    def parse(self, reply: str | BaseMessage, *, text: str | None = None) -> T:
        """Read what a model said; control tokens that the prompt broke, and the model copied, are whole again.

        Args:
            reply: A message, or its text.
            text: What it was asked about, for parsers that look things up in it.

        Raises:
            OutputParseError: If it is not in the form asked for.
        """
        said = reply if isinstance(reply, str) else str(reply.text)
        whole = unescape_control(said) if self.prompt.variable(self.subject).kind == "data" else said
        try:
            return self.parser.parse(whole, given=text)
        except OutputParseError as error:
            if whole == said:
                raise
            raise OutputParseError(str(error), said) from error

    def runnable(self, model: Runnable[Any, Any], *, structured: bool = False) -> Runnable[str | Mapping[str, Any], T]:
        """Give `prompt | model | parser` as a LangChain part: a text in, what was parsed out.

        The input is the text, or a mapping with it under `subject` and values of other variables.

        Args:
            model: Any chat model of LangChain, bound to options or with fallbacks where that is wanted.
            structured: Hold the model to the form that the parser reads, as its `with_structured_output` does: a
                `local:` model can then say nothing else. For a chat model itself, and replies that are JSON or labels.

        Raises:
            ConfigError: If `structured` is asked of replies that are free text, or of a model that cannot be held.
        """
        from ragkit.prompts.few_shot_chain import few_shot_chain

        return few_shot_chain(self, model, structured=structured)

    def as_langchain(self) -> FewShotChatPrompt:
        """Give the prompt alone as a LangChain chat prompt template, for chains that stream the reply's text."""
        from ragkit.prompts.few_shot_chain import FewShotChatPrompt

        return FewShotChatPrompt.around(self)

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give the same few-shot prompt that chooses from other examples; a selector without a pool becomes fixed."""
        if isinstance(self.selector, PoolSelector):
            return replace(self, selector=self.selector.with_examples(examples))
        return replace(self, selector=FixedSelector(as_examples(examples)))

    def with_selector(self, selector: Selector, /) -> Self:
        """Give the same few-shot prompt with another choice of examples."""
        return replace(self, selector=selector)

    def with_prompt(self, prompt: Prompt, /) -> Self:
        """Give the same few-shot prompt with other words, such as an instruction that an optimisation found."""
        return replace(self, prompt=prompt)

    def _refuse_own(self, values: Mapping[str, Any]) -> None:
        if taken := next((name for name in (self.subject, self.examples_variable) if name in values), None):
            raise InputError(f"{taken} is not given by name: the text comes first, and the selector gives examples.")

    @cached_property
    def examples_variable(self) -> str:
        """The prompt's variable that takes the examples."""
        return next(variable.name for variable in self.prompt.variables if variable.kind == "examples")

    @cached_property
    def laid_out(self) -> Prompt:
        """The prompt with its options, and its examples laid out as asked."""
        prompt = self.prompt.with_defaults(**self.options)
        return prompt.with_examples_as_text() if self.layout == "text" else prompt


def _check_variables(prompt: Prompt, subject: str) -> None:
    kinds = {variable.name: variable.kind for variable in prompt.variables}
    if sum(kind == "examples" for kind in kinds.values()) != 1:
        raise ConfigError(f"prompt {prompt.name} needs one variable of kind examples to be shown any.")
    if kinds.get(subject) not in ("text", "data"):
        raise ConfigError(
            f"prompt {prompt.name} has no variable {shorten(repr(subject))} of kind text or data: name the one that "
            "takes the text asked about as `subject`."
        )
