"""Conversations that are made up of invented words, for the copy model to learn from and to be tested with.

In each, the user asks for something, and the reply is told by the words before it: a call with arguments copied from
the question, the result of a tool, or the question itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

ONSETS = [
    *"bcdfghjklmnprstvwyz",
    "br",
    "ch",
    "cl",
    "cr",
    "dr",
    "fl",
    "gr",
    "pl",
    "pr",
    "qu",
    "sh",
    "sk",
    "sl",
    "sp",
    "st",
    "str",
    "th",
    "tr",
    "tw",
]
NUCLEI = [*"aeiou", "ai", "ea", "ee", "ie", "oa", "oo", "ou", "y"]
CODAS = [
    "",
    "",
    "",
    *"bdglmnprstx",
    "ck",
    "ft",
    "ll",
    "ld",
    "mp",
    "nd",
    "ng",
    "nk",
    "nt",
    "rd",
    "rk",
    "rn",
    "sh",
    "ss",
    "st",
    "th",
]


class Example(NamedTuple):
    """One conversation, and what the model should say next."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    reply: dict[str, Any]


class Words:
    """Invented words, numbers and phrases; two instances of different `seed` have next to nothing in common."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def word(self) -> str:
        pick = self.random
        syllables = pick.choices([1, 2, 3], [4, 5, 1])[0]
        return "".join(pick.choice(ONSETS) + pick.choice(NUCLEI) + pick.choice(CODAS) for _ in range(syllables))

    def name(self) -> str:
        pick = self.random
        kind = pick.random()
        if kind < 0.2:
            return "".join(
                chr(pick.randrange(*pick.choice([(0x4E00, 0x9FFF), (0x3042, 0x3093), (0x30A1, 0x30F6), (0xC0, 0x17F)])))
                for _ in range(pick.randint(2, 8))
            )
        if kind < 0.3:
            return "".join(pick.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(pick.randint(3, 7)))
        words = [self.word().capitalize() for _ in range(pick.choice([1, 1, 2, 2, 3]))]
        if len(words) > 1 and pick.random() < 0.3:
            words[-1] = words[-1][:2].upper()
            words[-2] += ","
        return " ".join(words)

    def number(self) -> int:
        pick = self.random
        size = pick.choice([10, 10, 100, 1000, 10000])
        return pick.randrange(-size if pick.random() < 0.15 else 0, size)

    def phrase(self, most: int = 6) -> str:
        return " ".join(
            self.word() if self.random.random() > 0.1 else str(abs(self.number()))
            for _ in range(self.random.randint(1, most))
        )


def tool(name: str, *parameters: str, values: Sequence[object] = ()) -> dict[str, Any]:
    """Describe a tool whose parameters take the like of `values`, in default words."""
    types = ["integer" if isinstance(value, int) else "string" for value in values] or ["string"] * len(parameters)
    properties = {parameter: {"type": kind} for parameter, kind in zip(parameters, types, strict=True)}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_0001", "type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


class Conversations:
    """Made-up conversations."""

    def __init__(self, seed: int) -> None:
        self.words = Words(seed)
        self.random = self.words.random

    def tool_name(self, parts: int = 2) -> str:
        return "_".join(self.words.word() for _ in range(parts))

    def others(self) -> list[dict[str, Any]]:
        return [
            tool(
                self.tool_name(self.random.choice([1, 2, 3])),
                *[self.words.word() for _ in range(self.random.choice([0, 1, 1, 2]))],
            )
            for _ in range(self.random.choice([0, 0, 0, 1, 2]))
        ]

    def among(self, chosen: dict[str, Any]) -> list[dict[str, Any]]:
        tools = [chosen, *self.others()]
        self.random.shuffle(tools)
        return tools

    def ask_by_name(self) -> Example:
        """`What is the value of name(3)?`"""
        pick = self.random
        name = self.tool_name(pick.choice([1, 2, 2, 3, 4]))
        parameters = [self.words.word() for _ in range(pick.choice([0, 1, 1, 1, 2]))]
        values = [self.words.number() if pick.random() < 0.7 else self.words.word() for _ in parameters]
        inside = ", ".join(str(value) for value in values)
        text = pick.choice(
            [
                "What is the value of {}? Use the tool.",
                "What is {}?",
                "Compute {}.",
                "Please call {}.",
                "Use the tool for {}",
            ]
        ).format(f"{name}({inside})")
        return Example(
            [user(text)],
            self.among(tool(name, *parameters, values=values)),
            call(name, **dict(zip(parameters, values, strict=True))),
        )

    def ask_about(self) -> Example:
        """`What is the weather in Paris?`"""
        pick = self.random
        noun, parameter, value = self.words.word(), self.words.word(), self.words.name()
        text = pick.choice(
            [
                "What is the {} in {}?",
                "What is the {} of {}?",
                "Tell me the {} for {}.",
                "Find the {} at {}.",
                "How is the {} in {}?",
            ]
        ).format(noun, value)
        name = pick.choice(["get", "find", "look_up", self.words.word()]) + "_" + noun
        return Example([user(text)], [tool(name, parameter)], call(name, **{parameter: value}))

    def ask_sum(self) -> Example:
        """`What is 1 + 2`"""
        pick = self.random
        name = self.tool_name(pick.choice([1, 2, 3]))
        first, second = self.words.number(), self.words.number()
        text = pick.choice(["What is {} {} {}", "What is {} {} {}?", "Work out {} {} {}."]).format(
            first, pick.choice(["+", "-", "and", "times"]), second
        )
        keys = pick.choice([("a", "b"), ("x", "y"), (self.words.word(), self.words.word())])
        return Example(
            [user(text)],
            [tool(name, *keys, values=(1, 2))],
            call(name, **dict(zip(keys, (first, second), strict=True))),
        )

    def ask_made(self) -> Example:
        """`Create a customer named 'X' (Y) - a Z`"""
        pick = self.random
        noun, value, rest = self.words.word(), self.words.name(), self.words.phrase(4)
        first, second = self.words.word() + pick.choice(["", "_name"]), self.words.word()
        name = pick.choice(["create", "make", "add", self.words.word()]) + "_" + noun
        aside = f" ({self.words.name()})" if pick.random() < 0.5 else ""
        text = f"{pick.choice(['Create', 'Make', 'Add'])} a {noun} named '{value}'{aside} - a {rest}"
        return Example([user(text)], [tool(name, first, second)], call(name, **{first: value, second: "a " + rest}))

    def ask_style(self) -> Example:
        """`Using the tool, generate a Pirate greeting.`"""
        pick = self.random
        style, noun, key = (
            self.words.word().capitalize(),
            self.words.word(),
            self.words.word() + pick.choice(["", "_style"]),
        )
        text = pick.choice(
            ["Using the tool, generate a {} {}.", "Make a {} {} with the tool.", "Generate a {} {}."]
        ).format(style, noun)
        name = noun + "_" + self.words.word()
        return Example([user(text)], [tool(name, key)], call(name, **{key: style}))

    def chat(self) -> Example:
        """Nothing to call."""
        pick = self.random
        text = (
            pick.choice(["Hello", "hello", "Hi", "hi", "Hey", "Hello!", "how are you", "Thanks"])
            if pick.random() < 0.3
            else self.words.phrase(6)
        )
        tools = self.others() if pick.random() < 0.5 else []
        earlier = self.words.phrase(3)
        before = [user(earlier), said("You said: " + earlier)] if pick.random() < 0.3 else []
        return Example([*before, user(text)], tools, said("You said: " + text))

    def answer(self) -> Example:
        """A tool has spoken."""
        pick = self.random
        asked = pick.choice([self.ask_by_name, self.ask_about, self.ask_sum])()
        result = pick.choice(
            [
                self.words.phrase(4),
                str(self.words.number()),
                json.dumps({self.words.word(): self.words.number()}),
                "It's " + self.words.word() + ".",
            ]
        )
        return Example(
            [*asked.messages, asked.reply, {"role": "tool", "tool_call_id": "call_0001", "content": result}],
            asked.tools,
            said("The answer is " + result),
        )

    def fields(self) -> Example:
        """`Tell me a joke about cats.`: an answer in JSON that is all about what was asked."""
        pick = self.random
        keys = [self.words.word() for _ in range(pick.choice([1, 2, 2, 3]))]
        topic = self.words.word()
        text = pick.choice(["Tell me a {} about {}.", "Give me the {} of {}.", "Write a {} on {}."])
        text = text.format(self.words.word(), topic) + " Keys: " + " ".join(keys)
        return Example([user(text)], [], said(json.dumps(dict.fromkeys(keys, topic))))

    def __iter__(self) -> Iterator[Example]:
        kinds = [
            self.ask_by_name,
            self.ask_about,
            self.ask_sum,
            self.ask_made,
            self.ask_style,
            self.chat,
            self.answer,
            self.fields,
        ]
        while True:
            yield self.random.choices(kinds, [7, 3, 4, 4, 1, 2, 2, 1])[0]()
