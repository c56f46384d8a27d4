"""Train a very small chat model that calls tools with arguments copied from its prompt.

    python tests/models/copy_model.py OUT

Nothing depends on what such a model knows: it stands in for a good one where a test needs replies that make sense. It
is a Qwen 2 of half a million weights with a byte-level tokenizer and a Hermes-style chat template of its own, trained
for a minute or two on one core, on conversations that `conversations.py` makes up of invented words: it learns to copy,
not what to copy. What it is trained and tested to do, with words that it never met:

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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from conversations import Conversations, Example
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
