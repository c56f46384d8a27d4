"""Train a very small chat model that calls tools with arguments copied from its prompt.

    python tests/models/copy_model.py OUT

Nothing depends on what such a model knows: it stands in for a good one where a test needs replies that make sense. It
is a Qwen 2 of half a million weights with a byte-level tokenizer and a Hermes-style chat template of its own, trained
for a minute or two on two cores, on conversations that are made up here of invented words: it learns to copy, not what
to copy. What it is trained and tested to do, with words that it never met:

- call the tool that the user means, with arguments copied from the message, and end its turn;
- say `The answer is …` with what a tool gave back, and `You said: …` where there is nothing to call.

Copying takes heads that look a few tokens back, under heads that find the same tokens earlier on ("induction heads",
Olsson et al. 2022). Learning both from nothing takes an hour, so both are set by hand before training and kept
(`set_copying_heads`); the rest of the model learns when to copy, from where, and when to stop.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

STEPS, BATCH, VOCABULARY = 650, 24, 1500
HIDDEN, HEADS, INTERMEDIATE = 128, 4, 192
LOOK_BACK, INDUCTION = 3, 3
TEMPLATE = """\
{%- for message in messages %}
{%- if loop.first and tools %}
{{- '<|im_start|>system\n' }}
{%- for tool in tools %}
{{- tool.function.name + ':' }}
{%- for name in tool.function.parameters.properties %}{{ ' ' + name }}{% endfor %}
{{- '\n' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endif %}
{{- '<|im_start|>' + message.role + '\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson + '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""

SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
BOILERPLATE = ['{"name": "', '", "arguments": {']
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


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Words are cut into pieces that are alike after a space and after a quote; digits and marks stand alone."""
    tokenizer = Tokenizer(models.BPE())
    cut = Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(cut, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL[:3],
        show_progress=False,
    )
    some = Conversations(0)
    texts = (json.dumps(example[:3], ensure_ascii=False) for example, _ in zip(some, range(3000), strict=False))
    tokenizer.train_from_iterator((t for t in texts if t.isascii()), trainer)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in [*SPECIAL[3:], *BOILERPLATE]])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def make_model(vocabulary: int) -> Qwen2ForCausalLM:
    """Give the untrained model: two layers, small random weights, and the heads that copy."""
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1e7},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=SPECIAL.index("<|im_end|>"),
        pad_token_id=SPECIAL.index("<|pad|>"),
        initializer_range=HIDDEN**-0.5,
    )
    model = Qwen2ForCausalLM(config)
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.data *= 0.1
        layer.mlp.down_proj.weight.data *= 0.05
    return model


class Held(NamedTuple):
    """A part of a weight that training leaves as it is."""

    weight: torch.nn.Parameter
    part: tuple[slice, slice]
    value: torch.Tensor

    def put_back(self) -> None:
        self.weight.data[self.part] = self.value


def set_copying_heads(model: Qwen2ForCausalLM) -> list[Held]:
    """Set heads of layer 1 to write down the three tokens before each, and heads of layer 2 to find them again.

    The query of a finding head holds the last three tokens, its key the three before each position: they agree where
    the same three stood before, and the token there is the one to copy. Each is told by a random projection.
    """
    size = HIDDEN // HEADS
    whole = slice(None)
    rows = [slice(head * size, (head + 1) * size) for head in range(HEADS)]
    first, second = (layer.self_attn for layer in model.model.layers)
    turned = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0]
    slots = [turned[:, row] for row in rows[:LOOK_BACK]]
    token = turned[:, rows[-1]].T
    held = []
    for head, row in enumerate(rows[:LOOK_BACK]):
        look_back(model, row, distance=head + 1)
        held += [Held(first.v_proj.weight, (row, whole), token * 0.42)]
        held += [Held(first.o_proj.weight, (whole, row), slots[head] * 0.42)]
    for row in rows[:INDUCTION]:
        one, two = (torch.linalg.qr(torch.randn(size, size))[0] for _ in range(2))
        held += [Held(second.q_proj.weight, (row, whole), 2 * token + one @ slots[0].T + two @ slots[1].T)]
        held += [Held(second.k_proj.weight, (row, whole), slots[0].T + one @ slots[1].T + two @ slots[2].T)]
    second.v_proj.weight.data[rows[0]] = token * 0.5
    second.o_proj.weight.data[:, rows[0]] = token.T * 0.5
    for part in held:
        part.put_back()
    return held


def look_back(model: Qwen2ForCausalLM, row: slice, *, distance: int, sharpness: float = 10.0) -> None:
    """Make a head of layer 1 attend to the token `distance` before: rotary angles of constant vectors agree there."""
    attention, angles = model.model.layers[0].self_attn, model.model.rotary_emb.inv_freq * distance
    attention.q_proj.weight.data[row] *= 0.05
    attention.k_proj.weight.data[row] *= 0.05
    attention.k_proj.bias.data[row] = sharpness * torch.cat([torch.ones_like(angles), torch.zeros_like(angles)])
    attention.q_proj.bias.data[row] = sharpness * torch.cat([angles.cos(), -angles.sin()])


class Batches:
    """Batches of like lengths, for ever: token ids, and what is to be said (-100 elsewhere)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.tokenizer, self.random = tokenizer, random.Random(seed)
        self.conversations = iter(Conversations(seed))
        self.turn = self.ids("<|im_start|>assistant\n")

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def encoded(self, example: Example) -> tuple[list[int], list[int]]:
        """Every turn of the assistant is learned, with the token that ends it; what the others say is not."""
        messages = [*example.messages, example.reply]
        ids = self.ids(self.tokenizer.apply_chat_template(messages, tools=example.tools or None, tokenize=False))
        labels, spoken = [-100] * len(ids), False
        for at, token in enumerate(ids):
            labels[at] = token if spoken else -100
            spoken = spoken and token != self.tokenizer.eos_token_id
            spoken = spoken or ids[at + 1 - len(self.turn) : at + 1] == self.turn
        return ids, labels

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            some = sorted(
                (self.encoded(next(self.conversations)) for _ in range(8 * BATCH)), key=lambda pair: len(pair[0])
            )
            batches = [some[at : at + BATCH] for at in range(0, len(some), BATCH)]
            self.random.shuffle(batches)
            for batch in batches:
                yield tuple(padded([pair[side] for pair in batch], filler) for side, filler in ((0, 0), (1, -100)))


def padded(rows: list[list[int]], filler: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def train(out: Path, *, seed: int = 0, steps: int = STEPS) -> None:
    """Train from nothing and save the model with its tokenizer and template."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # matrices this small gain little from two, and lose much where others use the cores
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    held = set_copying_heads(model)
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    rates = {
        torch.optim.Muon(matrices, lr=0.02, weight_decay=0.0): 0.02,
        torch.optim.AdamW(others, lr=0.003, betas=(0.9, 0.98), weight_decay=0.0): 0.003,
    }
    for step, (ids, labels) in zip(range(steps), Batches(tokenizer, seed + 1), strict=False):
        share = min(1.0, (step + 1) / 30) * (0.05 + 0.475 * (1 + math.cos(math.pi * step / steps)))
        loss = loss_of(model, ids, labels)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in rates.items():
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.step()
        for part in held:
            part.put_back()
        if step % 50 == 49:
            sys.stdout.write(f"step {step + 1} of {steps}: loss {loss.item():.3f}\n")
            sys.stdout.flush()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def loss_of(model: Qwen2ForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    said = labels[:, 1:] != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[said]), labels[:, 1:][said])


if __name__ == "__main__":
    train(Path(sys.argv[1]))
