"""Small real models: tokenizers trained on a few sentences, chat templates as models have them, random weights."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from ragkit.errors import ModelError
from ragkit.models.local.generation import FinishReason, Request

SENTENCES = (
    "The heron stands in the reeds and waits for the fish.",
    "You are a careful librarian. Answer in one sentence.",
    "What is the capital of France? Paris, of course, said the user.",
    "system user assistant tool name arguments parameters function true false null",
    'Résumé, naïve, façade, 12345 67890, {"a": [1, 2.5, -3]}, <b>bold</b> & more!',
    "日本語のテキストも少しあります。 Grüße aus Köln 🙂",
)

CHATML = r"""
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
"""As Qwen 2 writes it, without tools."""

QWEN = r"""
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- endif %}
    {{- '\n\n# Tools\n\n<tools>' }}
    {%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\n</tools>\n\nReturn <tool_call>\n{"name": <name>, "arguments": <args>}\n</tool_call><|im_end|>\n' }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'system' and loop.first %}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson + '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
"""As Qwen 2.5 writes it: Hermes tool calls."""

LLAMA3 = r"""
{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"""
"""As Llama 3 writes it: begins with the beginning of text, which the tokenizer would add too."""

MISTRAL = r"""
{{- bos_token }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}{{- '[INST] ' + message['content'] + ' [/INST]' }}
    {%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token }}
    {%- else %}{{- raise_exception('Only user and assistant roles are supported!') }}{%- endif %}
{%- endfor %}"""
"""As Mistral 7B v0.1 writes it: strictly alternating, no system message."""

DOCUMENTS = (
    r"""
{%- if documents %}
    {{- '<|im_start|>documents\n' }}
    {%- for document in documents %}{{- document['title'] + ': ' + document['text'] + '\n' }}{%- endfor %}
    {{- '<|im_end|>\n' }}
{%- endif %}"""
    + CHATML
)
"""With a place for documents, as Granite and Command R have one."""


def byte_level(*special: str) -> Tokenizer:
    """A byte-level BPE tokenizer, as GPT-2, Llama 3 and Qwen have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        show_progress=False,
        vocab_size=420,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def metaspace(*special: str) -> Tokenizer:
    """A BPE tokenizer with ▁ for spaces and bytes for what it does not know, as Llama 2 and Mistral have."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(show_progress=False, vocab_size=560, special_tokens=["<unk>", *special, *bytes_])
    tokenizer.train_from_iterator(SENTENCES, trainer)
    # The trainer lists bytes as special tokens; in a real file they are plain vocabulary.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in set(bytes_)]
    return Tokenizer.from_str(json.dumps(state))


def unigram() -> Tokenizer:
    """A unigram tokenizer whose control tokens are part of its vocabulary, as T5 has."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        show_progress=False,
        vocab_size=200,
        special_tokens=["<pad>", "</s>", "<unk>", "<extra_id_0>"],
        unk_token="<unk>",
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return tokenizer


def with_begin(tokenizer: Tokenizer, begin: str) -> Tokenizer:
    """Have the tokenizer put `begin` before every text, as Llama's does."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))]
    )
    return tokenizer


def with_marks(tokenizer: Tokenizer) -> Tokenizer:
    """Add marks that are not special tokens, as Qwen has them."""
    tokenizer.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in ("<tool_call>", "</tool_call>")]
    )
    return tokenizer


def wrapped(tokenizer: Tokenizer, **names: Any) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers knows it."""
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def save_llama(folder: Path, tokenizer: PreTrainedTokenizerFast, *, context: int = 512, **changes: Any) -> Path:
    """Save a random Llama of two layers beside its tokenizer."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
        **changes,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base Llama without chat template; its tokenizer adds <s> and writes ▁ for spaces."""
    tokenizer = with_begin(metaspace("<s>", "</s>"), "<s>")
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    return save_llama(tmp_path_factory.mktemp("models") / "tiny-llama", wrapped(tokenizer, **names))


@pytest.fixture(scope="session")
def chat_llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat Llama with Qwen's template, tools and marks; context of 512 tokens."""
    tokenizer = with_marks(byte_level("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": QWEN}
    return save_llama(tmp_path_factory.mktemp("models") / "tiny-chat", wrapped(tokenizer, **names))


@pytest.fixture(scope="session")
def llama3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat Llama whose tokenizer adds the beginning of text and whose template writes it."""
    marks = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    tokenizer = with_begin(byte_level(*marks), marks[0])
    names = {"bos_token": marks[0], "eos_token": marks[1], "pad_token": marks[1], "chat_template": LLAMA3}
    return save_llama(tmp_path_factory.mktemp("models") / "tiny-llama3", wrapped(tokenizer, **names))


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base GPT-2: learned positions, 256 of them, no chat template."""
    folder = tmp_path_factory.mktemp("models") / "tiny-gpt2"
    tokenizer = wrapped(byte_level("<|endoftext|>"), eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.5,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def t5_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder-decoder; its tokenizer ends every text with </s>."""
    folder = tmp_path_factory.mktemp("models") / "tiny-t5"
    tokenizer = wrapped(unigram(), eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        initializer_factor=3.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bart_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder-decoder with learned positions: 40 for the source, 40 for the reply."""
    folder = tmp_path_factory.mktemp("models") / "tiny-bart"
    tokenizer = wrapped(unigram(), eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=40,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", params=["byte-level", "metaspace", "prepend", "unigram"])
def backend(request: pytest.FixtureRequest) -> Tokenizer:
    """Tokenizers of four makes, each with <s>, </s> or the like among its special tokens, and <tool_call> added."""
    if request.param == "unigram":
        return with_marks(unigram())
    if request.param == "byte-level":
        return with_marks(byte_level("<s>", "</s>", "<|im_start|>", "<|im_end|>"))
    tokenizer = with_begin(metaspace("<s>", "</s>", "<|im_end|>"), "<s>")
    if request.param == "prepend":  # Llama 2's own file: the same by a normalizer
        state = json.loads(tokenizer.to_str()) | {"pre_tokenizer": None}
        tokenizer = Tokenizer.from_str(json.dumps(state))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return with_marks(tokenizer)


@pytest.fixture(scope="session")
def chat_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Make a byte-level tokenizer with a chat template: `chat_tokenizer("mistral")`."""
    marks = ("<|endoftext|>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
    templates = {"chatml": CHATML, "qwen": QWEN, "mistral": MISTRAL, "documents": DOCUMENTS}

    @functools.cache
    def make(template: str) -> PreTrainedTokenizerFast:
        tokenizer = with_marks(with_begin(byte_level(*marks), "<s>"))
        source = templates.get(template, template)
        return wrapped(tokenizer, bos_token="<s>", eos_token="</s>", chat_template=source)

    return make


class Written:
    """A generation whose tokens are known, and which then ends, fails, or waits to be cancelled."""

    def __init__(
        self, tokens: Sequence[int], then: str | ModelError, reason: FinishReason, gate: threading.Barrier | None
    ) -> None:
        self.tokens, self.then, self.reason, self.gate = tokens, then, reason, gate
        self.cancelled = threading.Event()
        self.cached_tokens = 0
        self.given = 0
        self.finish_reason: FinishReason | None = None

    def cancel(self) -> None:
        self.cancelled.set()

    def __iter__(self) -> Iterator[int]:
        if self.gate is not None:
            self.gate.wait(timeout=30)
        for token in self.tokens:
            self.given += 1
            yield token
        if isinstance(self.then, ModelError):
            raise self.then
        if self.then == "waits":
            assert self.cancelled.wait(timeout=30)
            return
        self.finish_reason = self.reason

    async def __aiter__(self) -> AsyncIterator[int]:
        for token in self.tokens:
            self.given += 1
            yield token
            await asyncio.sleep(0)
        if isinstance(self.then, ModelError):
            raise self.then
        while self.then == "waits" and not self.cancelled.is_set():
            await asyncio.sleep(0.001)
        self.finish_reason = None if self.then == "waits" else self.reason


class Scripted:
    """An engine that hands out written generations, in order."""

    context_tokens: int | None = 512

    def __init__(
        self,
        scripts: Sequence[Sequence[int]],
        *,
        then: str | ModelError = "ends",
        reason: FinishReason = "stop",
        together: int = 0,
        prompts: list[Sequence[int]] | None = None,
    ) -> None:
        gate = threading.Barrier(together) if together else None
        self._next = iter([Written(tokens, then, reason, gate) for tokens in scripts])
        self.started: list[Written] = []
        self.requests: list[Request] = []
        self.prompts = [] if prompts is None else prompts

    def start(self, request: Request) -> Written:
        self.requests.append(request)
        self.prompts.append(request.prompt)
        self.started.append(next(self._next))
        return self.started[-1]

    def close(self) -> None:
        for generation in self.started:
            generation.cancel()

    def under(self, model: Any, **changes: Any) -> Any:
        """Give a copy of a `LocalChatModel` that asks this engine."""
        weights = replace(model.weights, engine=self, **changes)
        self.context_tokens = None if weights.layout.__class__.__name__ == "SourceLayout" else 512
        return model.model_copy(update={"weights": weights})


@pytest.fixture(scope="session")
def scripted() -> type[Scripted]:
    """An engine for tests in which the order of events is what matters."""
    return Scripted
