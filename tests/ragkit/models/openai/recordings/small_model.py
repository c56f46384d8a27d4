"""A chat model of 0.1 M parameters that knows five answers by heart, for a real server to serve.

    python tests/ragkit/models/openai/recordings/small_model.py FOLDER

It is trained on a processor in some seconds. What it says is always the same: greedy, and learnt until it is certain.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONVERSATIONS: Final = [
    [("user", "What is BM25?"), ("assistant", "BM25 ranks documents by the words they share with the query.")],
    [("user", "Count to ten."), ("assistant", "one two three four five six seven eight nine ten")],
    [("user", "Greet me in Greek."), ("assistant", "Γειά σου, ragkit! 👋 Τι κάνεις;")],
    [("system", "Answer in one word."), ("user", "Is it raining?"), ("assistant", "No.")],
    [
        ("user", "What is BM25?"),
        ("assistant", "BM25 ranks documents by the words they share with the query."),
        ("user", "Who made it?"),
        ("assistant", "Robertson and Walker, for the Okapi system."),
    ],
]
"""All that it knows."""

_TEMPLATE: Final = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL: Final = ("<|pad|>", "<|im_start|>", "<|im_end|>")
_CERTAIN: Final = 0.02


def build(folder: Path) -> None:
    """Train the model and write it to `folder`, in the form of the hub."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    pad, _, end = tokenizer.convert_tokens_to_ids(list(_SPECIAL))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    _learn(model, [_example(tokenizer, turns) for turns in CONVERSATIONS])
    model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = pad
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> PreTrainedTokenizerFast:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(_SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    trained.train_from_iterator([text for turns in CONVERSATIONS for _, text in turns], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _example(tokenizer: PreTrainedTokenizerFast, turns: list[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give token ids and what is to be learnt of them: the last turn, its end included."""
    messages = [{"role": role, "content": content} for role, content in turns]
    text = tokenizer.apply_chat_template(messages, tokenize=False).removesuffix("\n")
    prompt = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False).input_ids])
    labels = ids.clone()
    labels[0, : len(tokenizer(prompt, add_special_tokens=False).input_ids)] = -100
    return ids, labels


def _learn(model: LlamaForCausalLM, examples: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(1000):
        losses = [model(input_ids=ids, labels=labels).loss for ids, labels in examples]
        if max(loss.item() for loss in losses) < _CERTAIN:
            model.eval()
            return
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
    raise RuntimeError("the model has not learnt its answers in 1000 steps")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
