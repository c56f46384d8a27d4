"""Grammars at work on models that only make noise: whatever they say is valid, and whole in time."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from ragkit.errors import ConfigError, ModelError
from ragkit.models.local.generation import Constraint
from ragkit.models.local.tools.call_ids import call_ids
from ragkit.models.local.tools.calls import parse
from ragkit.models.local.tools.families import FAMILIES, HERMES, LLAMA, MISTRAL_NAMED, ToolFamily
from ragkit.models.local.tools.form import ReplyForm
from ragkit.models.local.tools.grammar import CallRule, Grammars, check_schema

PADDING = 12
"""Models have more logits than their tokenizer has tokens."""


class Kitten(BaseModel, extra="forbid"):
    name: str = Field(min_length=2)
    weight: float


class Cat(BaseModel, extra="forbid"):
    name: str
    lives: int = Field(ge=1, le=9)
    mood: Literal["hungry", "asleep"]
    kittens: list[Kitten] = []
    owner: str | None = None


class Tree(BaseModel, extra="forbid"):
    leaf: bool
    trees: list[Tree]


class Patterns(BaseModel, extra="forbid"):
    born: date
    code: str = Field(pattern="^a*b$")
    tags: list[str] = Field(min_length=3)


class Priced(BaseModel):
    price: Decimal


class Anything(BaseModel, extra="allow"):
    pass


CAT, TREE = Cat.model_json_schema(), Tree.model_json_schema()


def described(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": dict(parameters)}}


ADOPT = described("adopt", CAT)
PLANT = described('plant "1"', TREE)
NOTHING = described("nothing", {})


class Bench:
    """A tokenizer with its grammars, and a model that draws tokens blindly."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, end_tokens: Collection[int]) -> None:
        self.tokenizer, self.end_tokens = tokenizer, set(end_tokens)
        self.width = len(tokenizer) + PADDING
        self.grammars = Grammars(tokenizer, vocabulary=self.width, end_tokens=end_tokens)

    def noise(self, constraint: Constraint, *, seed: int, max_tokens: int, begun: str = "", ends: float = 0.0) -> str:
        """Let noise write a reply: the text, after what it is made to begin with."""
        draw = torch.Generator().manual_seed(seed)
        said: list[int] = []
        for token in self.tokenizer.encode(begun, add_special_tokens=False) if begun else []:
            logits = torch.zeros(self.width)
            constraint.mask(logits)
            assert math.isfinite(logits[token]), (begun, self.tokenizer.decode([token]))
            constraint.accept(token)
            said.append(token)
        while not constraint.done and len(said) < max_tokens:
            logits = 3 * torch.randn(self.width, generator=draw)
            logits[list(self.end_tokens)] += ends
            constraint.mask(logits)
            assert logits.isfinite().any()
            token = int(torch.multinomial(logits.softmax(-1), 1, generator=draw))
            assert token < len(self.tokenizer)
            if token in self.end_tokens:
                break
            constraint.accept(token)
            said.append(token)
        return str(self.tokenizer.decode(said, clean_up_tokenization_spaces=False))


@pytest.fixture(scope="module")
def bench(backend: Tokenizer) -> Bench:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    return Bench(tokenizer, [backend.token_to_id("</s>"), backend.token_to_id("<|im_end|>")])


@pytest.fixture(scope="module")
def bytewise(chat_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> Bench:
    tokenizer = chat_tokenizer("qwen")
    return Bench(tokenizer, [tokenizer.convert_tokens_to_ids("</s>")])


WITH_BRACES = pytest.mark.parametrize("backend", ["byte-level", "metaspace", "prepend"], indirect=True)


@WITH_BRACES
@pytest.mark.parametrize("shape", [Cat, Tree, Patterns, Anything])
@pytest.mark.parametrize("max_tokens", [90, 200])
def test_noise_writes_json_that_is_valid_and_whole(bench: Bench, shape: type[BaseModel], max_tokens: int) -> None:
    for seed in range(2):
        constraint = bench.grammars.json(shape.model_json_schema(), max_tokens=max_tokens)
        shape.model_validate_json(bench.noise(constraint, seed=seed, max_tokens=max_tokens))


RULES = [CallRule(must=must, several=several) for must in (True, False) for several in (True, False)]


@WITH_BRACES
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_noise_makes_calls_that_are_valid(bench: Bench, family: ToolFamily, rule: CallRule) -> None:
    for seed in range(2):
        constraint = bench.grammars.calls([ADOPT, PLANT], family, rule, max_tokens=120)
        parsed = parse(bench.noise(constraint, seed=seed, max_tokens=120, ends=4.0), family, call_id=call_ids(b""))
        assert parsed.invalid_tool_calls == []
        assert bool(parsed.tool_calls) or not rule.must
        assert len(parsed.tool_calls) <= 1 or rule.several
        for call in parsed.tool_calls:
            {"adopt": Cat, 'plant "1"': Tree}[call["name"]].model_validate(call["args"])


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_call_once_begun_is_finished_in_any_family(bytewise: Bench, family: ToolFamily) -> None:
    begun = "{" if family is LLAMA else f"Let me see. {family.begin}"
    constraint = bytewise.grammars.calls([ADOPT], family, CallRule(must=False, several=True), max_tokens=200)
    said = bytewise.noise(constraint, seed=1, max_tokens=200, begun=begun, ends=9.0)
    parsed = parse(said, family, call_id=call_ids(b""))
    assert parsed.invalid_tool_calls == []
    assert {call["name"] for call in parsed.tool_calls} == {"adopt"}


def test_free_text_may_hold_anything_but_control_tokens(bytewise: Bench) -> None:
    constraint = bytewise.grammars.calls([ADOPT], HERMES, CallRule(must=False, several=True), max_tokens=100)
    assert bytewise.noise(constraint, seed=1, max_tokens=100, begun='{"a": [1, <tool_ca', ends=20.0).startswith(
        '{"a": [1'
    )
    logits = torch.zeros(bytewise.width)
    constraint.mask(logits)
    banned = {int(token) for token in torch.isinf(logits).nonzero()}
    assert bytewise.tokenizer.convert_tokens_to_ids("<|im_start|>") in banned
    assert set(range(len(bytewise.tokenizer), bytewise.width)) <= banned


@given(seed=st.integers(0, 2**31), max_tokens=st.integers(45, 120))
@settings(max_examples=12, deadline=None)
def test_however_short_the_room_the_json_is_closed(bytewise: Bench, seed: int, max_tokens: int) -> None:
    constraint = bytewise.grammars.json(CAT, max_tokens=max_tokens)
    Cat.model_validate_json(bytewise.noise(constraint, seed=seed, max_tokens=max_tokens))


def test_room_for_nothing_whole_is_refused_before_generating(bytewise: Bench) -> None:
    with pytest.raises(
        ConfigError, match=r"max_tokens is 5, but the shortest reply of the form asked for is about \d+ tok"
    ):
        bytewise.grammars.json(CAT, max_tokens=5)


@pytest.mark.parametrize("text", ["email", "uri", "ipv6", "date-time"])
def test_texts_of_a_known_format_are_closed_in_little_room(bytewise: Bench, text: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": text}}, "required": ["a"]}
    for seed in range(3):
        said = bytewise.noise(bytewise.grammars.json(schema, max_tokens=50), seed=seed, max_tokens=50)
        assert json.loads(said).keys() == {"a"}


def test_a_reply_whose_end_cannot_be_foreseen_is_held_to_the_grammar_alone(bytewise: Bench) -> None:
    number = {"type": "object", "properties": {"a": {"type": "string", "pattern": r"\d{3}-\d{4}"}}, "required": ["a"]}
    constraint = bytewise.grammars.json(number, max_tokens=60)
    said = bytewise.noise(constraint, seed=1, max_tokens=60, begun='{"a": "call 123-4567"', ends=9.0)
    assert json.loads(said) == {"a": "call 123-4567"}
    cut_off = bytewise.noise(bytewise.grammars.json(number, max_tokens=60), seed=1, max_tokens=60)
    assert cut_off.startswith("{")


def test_a_decimal_is_a_number_or_text(bytewise: Bench) -> None:
    schema = Priced.model_json_schema()
    check_schema(schema)
    for seed in range(3):
        said = bytewise.noise(bytewise.grammars.json(schema, max_tokens=60), seed=seed, max_tokens=60)
        assert isinstance(json.loads(said)["price"], int | float)


def test_a_tool_without_parameters_takes_no_arguments(bytewise: Bench) -> None:
    rule = CallRule(must=True, several=False)
    for seed in range(3):
        said = bytewise.noise(bytewise.grammars.calls([NOTHING], HERMES, rule, max_tokens=60), seed=seed, max_tokens=60)
        (call,) = parse(said, HERMES, call_id=call_ids(b"")).tool_calls
        assert (call["name"], call["args"]) == ("nothing", {})


def test_a_token_against_the_grammar_is_an_error(bytewise: Bench) -> None:
    constraint = bytewise.grammars.json(CAT, max_tokens=100)
    with pytest.raises(ModelError, match="although the grammar of the reply does not allow it"):
        constraint.accept(bytewise.tokenizer.encode("x", add_special_tokens=False)[0])


def form(**said: Any) -> ReplyForm:
    return ReplyForm(**said)


@pytest.mark.parametrize(
    ("asked", "free"),
    [
        (form(), True),
        (form(tools=[ADOPT], tool_choice="none"), True),
        (form(response_format={"type": "text"}), True),
        (form(tools=[ADOPT]), False),
        (form(response_format={"type": "json_object"}), False),
    ],
)
def test_only_what_asks_for_a_form_is_constrained(bytewise: Bench, asked: ReplyForm, free: bool) -> None:
    assert (bytewise.grammars.constraint(asked, HERMES, max_tokens=100) is None) == free


def test_a_named_tool_is_the_one_that_is_called(bytewise: Bench) -> None:
    asked = form(tools=[ADOPT, NOTHING], tool_choice="nothing")
    constraint = bytewise.grammars.constraint(asked, MISTRAL_NAMED, max_tokens=60)
    assert constraint is not None
    said = bytewise.noise(constraint, seed=1, max_tokens=60)
    (call,) = parse(said, MISTRAL_NAMED, call_id=call_ids(b"")).tool_calls
    assert (call["name"], call["args"]) == ("nothing", {})


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_tools_and_a_schema_together_give_a_call_or_valid_json(bytewise: Bench, family: ToolFamily) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "boolean"}}, "required": ["answer"]}
    asked = form(tools=[NOTHING], response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    seen = set()
    for seed in range(5):
        constraint = bytewise.grammars.constraint(asked, family, max_tokens=80)
        assert constraint is not None
        parsed = parse(bytewise.noise(constraint, seed=seed, max_tokens=80, ends=9.0), family, call_id=call_ids(b""))
        if not parsed.tool_calls:
            assert json.loads(parsed.text).keys() == {"answer"}
        seen.add(bool(parsed.tool_calls))
    assert seen <= {True, False}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"$ref": "https://example.org/schema"}, "example.org"),
        ({"type": "text"}, "text"),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "oneOf constraints are not supported; leave that out"),
    ],
)
def test_what_cannot_be_held_to_is_refused_in_one_sentence(
    bytewise: Bench, schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        check_schema(schema, what="the schema Odd")
    assert str(refused.value).startswith("a reply cannot be held to the schema Odd: ")
    assert "\n" not in str(refused.value)
    assert "compile" not in str(refused.value)
    with pytest.raises(ConfigError, match=reason):
        bytewise.grammars.json(schema, max_tokens=50)


@pytest.mark.parametrize("backend", ["unigram"], indirect=True)
def test_a_tokenizer_that_cannot_write_json_is_refused_in_one_sentence(backend: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="cannot be held to tools or schemas: its tokenizer is not made for it"):
        Grammars(PreTrainedTokenizerFast(tokenizer_object=backend), vocabulary=300, end_tokens=[1])


def test_grammars_are_compiled_once_and_few_are_kept(chat_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> None:
    tokenizer = chat_tokenizer("qwen")
    grammars = Grammars(tokenizer, vocabulary=len(tokenizer), end_tokens=[2], kept=2)
    for bound in (1, 2, 3, 2, 3):
        grammars.json({"type": "integer", "maximum": bound}, max_tokens=50)
    assert len(grammars._compiled) == 2


def test_many_threads_share_the_grammars_of_a_model(bytewise: Bench) -> None:
    said: list[Any] = []

    def write(seed: int) -> None:
        constraint = bytewise.grammars.json(CAT, max_tokens=80)
        said.append(Cat.model_validate_json(bytewise.noise(constraint, seed=seed, max_tokens=80)))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 6
