"""`LocalChatModel` on small real models: what it says, what fits, what it refuses, who shares it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.runnables import ConfigurableField
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from ragkit.errors import (
    ConfigError,
    ContextLengthError,
    InputError,
    ModelFilesError,
)
from ragkit.models.local.chat import LocalChatModel
from ragkit.models.local.prompt import layout_for

CHAT: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("What is the capital of France?")]
FOLDERS = ["chat_llama_folder", "llama3_folder", "llama_folder", "gpt2_folder", "t5_folder"]


@pytest.fixture(scope="module")
def model(chat_llama_folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=24)


def saved_llama(folder: Path, tokenizer: Any) -> Path:
    """A random Llama for a tokenizer."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def whole(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    return sum(chunks[1:], start=chunks[0])


# --- what is said ---


@pytest.mark.parametrize("name", FOLDERS)
def test_a_reply_is_what_transformers_generates(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    model = LocalChatModel(model=str(folder), dtype="float32", max_tokens=20)
    tokenizer, is_t5 = AutoTokenizer.from_pretrained(folder), name == "t5_folder"
    theirs = (AutoModelForSeq2SeqLM if is_t5 else AutoModelForCausalLM).from_pretrained(folder, dtype=torch.float32)
    ids = layout_for(tokenizer, encoder_decoder=is_t5).ids(CHAT)
    made = theirs.generate(
        torch.tensor([ids]), max_new_tokens=20, do_sample=False, eos_token_id=sorted(model.weights.end_tokens)
    )[0].tolist()
    new = made[1:] if is_t5 else made[len(ids) :]
    new = [token for token in new if token not in model.weights.end_tokens]
    reply = model.invoke(CHAT)
    expected = tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert reply.content == (expected.lstrip() if name in FOLDERS[2:] else expected)
    assert reply.usage_metadata is not None
    assert (reply.usage_metadata["input_tokens"], reply.usage_metadata["output_tokens"]) == (len(ids), len(new))
    assert reply.usage_metadata["total_tokens"] == len(ids) + len(new)


async def test_all_four_ways_of_asking_say_the_same(model: LocalChatModel) -> None:
    reply = model.invoke(CHAT)
    streams = [list(model.stream(CHAT)), [chunk async for chunk in model.astream(CHAT)]]
    assert (await model.ainvoke(CHAT)).content == reply.content
    for chunks in streams:
        assert len(chunks) > 5
        assert whole(chunks).content == reply.content
        assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
        assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert whole(chunks).response_metadata == reply.response_metadata
    assert reply.response_metadata == {"model_name": "tiny-chat", "finish_reason": "length"}


def test_a_base_model_keeps_what_it_computed_too(llama_folder: Path) -> None:
    model = LocalChatModel(model=str(llama_folder), dtype="float32", max_tokens=12)
    text = str(model.invoke(CHAT).content)
    first = model.invoke(CHAT, stop=[text[4:8]])  # given up halfway, as plain replies always are
    again = model.invoke([*CHAT, AIMessage(first.content), HumanMessage("And of Spain?")])
    assert first.usage_metadata is not None
    assert again.usage_metadata is not None
    assert again.usage_metadata["input_token_details"]["cache_read"] >= first.usage_metadata["input_tokens"]


def test_what_was_computed_before_is_counted_as_cached(chat_llama_folder: Path) -> None:
    model = LocalChatModel(model=str(chat_llama_folder), max_tokens=8)
    first = model.invoke(CHAT)
    turn = [*CHAT, AIMessage(first.content), HumanMessage("And of Spain?")]
    usages = [reply.usage_metadata for reply in (first, model.invoke(turn))]
    assert usages[0] is not None
    assert usages[1] is not None
    assert usages[0]["input_token_details"] == {"cache_read": 0}
    # The last token of the first reply was not computed on; half a character may be told otherwise in text.
    assert usages[1]["input_token_details"]["cache_read"] >= usages[0]["input_tokens"]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_stop_text_that_spans_tokens_ends_the_reply_before_it(model: LocalChatModel, way: str) -> None:
    text = str(model.invoke(CHAT).content)
    stop = text[5:9]
    asked: Callable[..., Any] = model.invoke if way == "invoke" else lambda *a, **k: whole(list(model.stream(*a, **k)))
    reply = asked(CHAT, stop=["never said", stop])
    assert reply.content == text[: text.index(stop)]
    assert reply.response_metadata["finish_reason"] == "stop"
    assert reply.usage_metadata["output_tokens"] < 24


def test_a_model_s_stop_texts_are_replaced_by_a_call_s(chat_llama_folder: Path, model: LocalChatModel) -> None:
    text = str(model.invoke(CHAT).content)
    stopping = model.model_copy(update={"stop": [text[5:9]]})
    assert stopping.invoke(CHAT).content == text[: text.index(text[5:9])]
    assert stopping.invoke(CHAT, stop=[]).content == text


def test_drawing_is_repeatable_with_a_seed(model: LocalChatModel) -> None:
    def said(seed: int | None) -> object:
        return model.invoke(CHAT, temperature=1.5, seed=seed).content

    assert said(1) == said(1)
    assert said(1) != said(2)
    assert said(None) != said(None)
    assert model.bind(temperature=1.5, seed=1).invoke(CHAT).content == said(1)


def test_penalties_and_limits_change_what_is_drawn(model: LocalChatModel) -> None:
    free = model.invoke(CHAT, temperature=1.5, seed=1).content
    assert model.invoke(CHAT, temperature=1.5, seed=1, top_k=1).content == model.invoke(CHAT).content
    assert model.invoke(CHAT, temperature=1.5, seed=1, top_p=1e-6).content == model.invoke(CHAT).content
    assert model.invoke(CHAT, temperature=1.5, seed=1, repetition_penalty=3.0).content != free


def test_control_tokens_in_a_message_do_not_end_it(scripted: Any, model: LocalChatModel) -> None:
    ends = model.weights.tokenizer.convert_tokens_to_ids("<|im_end|>")
    prompts: list[Sequence[int]] = []
    engine = scripted([[]], prompts=prompts)
    engine.under(model).invoke("a<|im_end|>b")
    assert list(prompts[0]).count(ends) == 1


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_random_model_answers_in_the_form_asked_for(model: LocalChatModel, method: str) -> None:
    schema = {
        "title": "City",
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 5}, "capital": {"type": "boolean"}},
        "required": ["name", "capital"],
        "additionalProperties": False,
    }
    city = model.with_structured_output(schema, method=method).invoke(CHAT, max_tokens=100)  # type: ignore[arg-type]
    assert isinstance(city, dict)
    assert sorted(city) == ["capital", "name"]


def test_tool_calls_end_a_reply(model: LocalChatModel) -> None:
    def add(a: bool) -> bool:
        """Add."""
        return a

    calling = model.bind_tools([add], tool_choice="any", parallel_tool_calls=False)
    reply = calling.invoke(CHAT, max_tokens=100)
    streamed = whole([chunk for chunk in calling.stream(CHAT, max_tokens=100) if isinstance(chunk, AIMessageChunk)])
    for message in (reply, streamed):
        assert [call["name"] for call in message.tool_calls] == ["add"]
        assert isinstance(message.tool_calls[0]["args"]["a"], bool)
        assert message.response_metadata["finish_reason"] == "tool_calls"
        assert message.content == ""
    assert reply.tool_calls == streamed.tool_calls


# --- what fits ---


def test_without_max_tokens_the_context_may_be_filled(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([[]])
    engine.under(model).invoke(CHAT, max_tokens=None)
    assert engine.requests[0].max_tokens == 512 - model.get_num_tokens_from_messages(CHAT)


def test_what_does_not_fit_is_refused_before_it_is_computed(scripted: Any, model: LocalChatModel) -> None:
    prompt = model.get_num_tokens_from_messages(CHAT)
    engine = scripted([])
    with pytest.raises(
        ContextLengthError,
        match=rf"has {prompt} tokens and with 500 tokens of reply \(max_tokens\) exceeds the 512 tokens of tiny-chat",
    ) as refused:
        engine.under(model).invoke(CHAT, max_tokens=500)
    assert (refused.value.prompt_tokens, refused.value.context_tokens) == (prompt, 512)
    with pytest.raises(ContextLengthError, match="and with a reply exceeds the 512 tokens"):
        engine.under(model).invoke("heron " * 600, max_tokens=None)
    assert engine.started == []
    assert model.invoke(CHAT, max_tokens=512 - prompt).usage_metadata is not None


def test_a_source_text_and_its_reply_are_counted_apart(scripted: Any, t5_folder: Path) -> None:
    model = LocalChatModel(model=str(t5_folder), max_tokens=None)
    engine = scripted([[]] * 3)
    limited = engine.under(model, source_tokens=20)
    tokens = limited.get_num_tokens_from_messages([HumanMessage("The fish.")])
    assert tokens < 20
    limited.invoke("The fish.", max_tokens=19)
    limited.invoke("The fish.")
    engine.under(model).invoke("The fish.")
    assert [request.max_tokens for request in engine.requests] == [19, 19, 1024]
    for text, options in (("The fish.", {"max_tokens": 20}), ("fish " * 20, {})):
        with pytest.raises(ContextLengthError, match="exceeds the 20 tokens of tiny-t5"):
            limited.invoke(text, **options)


def test_a_reply_of_an_encoder_decoder_may_fill_its_positions(bart_folder: Path) -> None:
    reply = LocalChatModel(model=str(bart_folder), dtype="float32").invoke("The fish.")
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] == 39  # of 40: the decoder starts from one
    with pytest.raises(ContextLengthError, match="exceeds the 40 tokens of tiny-bart"):
        LocalChatModel(model=str(bart_folder), max_tokens=40).invoke("The fish.")


def test_tokens_are_counted_by_the_model_s_tokenizer_and_template(model: LocalChatModel) -> None:
    tokenizer = model.weights.tokenizer
    text = "The heron stands. 日本"
    assert model.get_token_ids(text) == tokenizer(text)["input_ids"]
    assert model.get_num_tokens(text) == len(tokenizer(text)["input_ids"])
    reply = model.invoke(CHAT)
    assert reply.usage_metadata is not None
    assert model.get_num_tokens_from_messages(CHAT) == reply.usage_metadata["input_tokens"]
    tool = {"title": "add", "description": "Add.", "type": "object", "properties": {}}
    assert model.get_num_tokens_from_messages(CHAT, tools=[tool]) > reply.usage_metadata["input_tokens"] + 20
    counting = model.model_copy(update={"custom_get_token_ids": lambda _text: [1, 2]})
    assert counting.get_num_tokens(text) == 2


def test_messages_are_trimmed_by_the_model_s_own_count(model: LocalChatModel) -> None:
    chat = [SystemMessage("Be brief."), *(HumanMessage(f"{number} herons stand.") for number in range(20))]
    kept = trim_messages(chat, max_tokens=120, token_counter=model, strategy="last", include_system=True)
    assert isinstance(kept[0], SystemMessage)
    assert 2 < len(kept) < 21
    assert model.get_num_tokens_from_messages(kept) <= 120


def test_what_a_template_refuses_is_counted_message_by_message(chat_tokenizer: Any, tmp_path: Path) -> None:
    model = LocalChatModel(model=str(saved_llama(tmp_path, chat_tokenizer("mistral"))))
    assert model.get_num_tokens_from_messages([]) == 0
    answer, question = AIMessage("Paris."), HumanMessage("And?")
    alone = model.get_num_tokens_from_messages([HumanMessage("Paris.")])
    assert model.get_num_tokens_from_messages([answer]) == alone
    assert model.get_num_tokens_from_messages([answer, question]) == alone + model.get_num_tokens_from_messages(
        [question]
    )
    with pytest.raises(InputError, match="which a local model cannot read"):
        model.get_num_tokens_from_messages([HumanMessage([{"type": "image", "base64": "AAAA"}])])


def test_agents_are_told_what_the_model_can_do(model: LocalChatModel, t5_folder: Path) -> None:
    profile = model.profile
    assert profile is not None
    assert (profile["max_input_tokens"], profile["structured_output"], profile["image_inputs"]) == (512, True, False)
    assert "max_input_tokens" not in (LocalChatModel(model=str(t5_folder)).profile or {})
    own = LocalChatModel(model=model.model, dtype="float32", weights=model.weights, profile={"tool_calling": False})
    assert own.profile == {"tool_calling": False}


# --- what is refused ---


def test_an_unknown_option_of_a_call_is_named(model: LocalChatModel) -> None:
    with pytest.raises(ConfigError, match="a local model has no option 'temprature'"):
        model.invoke(CHAT, temprature=0.5)
    with pytest.raises(ConfigError, match="a local model has no option 'n'"):
        list(model.stream(CHAT, n=2))


def test_an_unknown_field_is_named(chat_llama_folder: Path) -> None:
    with pytest.raises(ConfigError, match="LocalChatModel has no field 'temprature': expected one of adapter, cache, "):
        LocalChatModel(model=str(chat_llama_folder), temprature=0.5)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"dtype": "int3"}, "LocalChatModel cannot take its dtype: Input should be 'auto', 'float32'"),
        ({"top_k": "all"}, "LocalChatModel cannot take its top_k: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"temperature": -1}, "temperature must be at least 0"),
        ({"max_batch": 0}, "max_batch must be at least 1"),
        ({"stop": [""]}, "stop must be a list of texts"),
    ],
)
def test_a_value_out_of_range_is_refused_at_once(chat_llama_folder: Path, field: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        LocalChatModel(model=str(chat_llama_folder), **field)


def test_a_model_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(ModelFilesError, match=r"there is no model folder './gone'"):
        LocalChatModel(model="./gone")


def test_images_are_refused(model: LocalChatModel) -> None:
    image = HumanMessage([{"type": "image", "base64": "AAAA", "mime_type": "image/png"}])
    with pytest.raises(InputError, match=r"content of type 'image.*', which a local model cannot read"):
        model.invoke([image])


def test_documents_need_a_template_that_takes_them(model: LocalChatModel) -> None:
    with pytest.raises(InputError, match="has no place for documents"):
        model.invoke(CHAT, documents=[{"title": "a", "text": "b"}])


def test_a_token_is_never_shown(chat_llama_folder: Path) -> None:
    model = LocalChatModel(model=str(chat_llama_folder), token="hf_secret", max_tokens=2)
    shown = [repr(model), str(model), str(model.asdict()), str(model._get_llm_string()), str(model.weights.options)]
    assert "hf_secret" not in "".join(shown)
    with pytest.raises(ConfigError, match="cannot take its top_k") as refused:
        LocalChatModel(model="m", token="hf_secret", top_k="hf_secret")
    assert "hf_secret" not in str(refused.value) + str(refused.value.__cause__)


def test_weights_are_those_of_another_model(chat_llama_folder: Path) -> None:
    with pytest.raises(ConfigError, match="weights are another LocalChatModel's `weights`, or None"):
        LocalChatModel(model=str(chat_llama_folder), weights="model.safetensors")


# --- one model, many holders ---


def test_copies_share_the_weights(model: LocalChatModel, chat_llama_folder: Path) -> None:
    warm = model.model_copy(update={"temperature": 1.0})
    deep = model.model_copy(deep=True)
    beside = LocalChatModel(model=str(chat_llama_folder), dtype="float32", top_k=3, weights=model.weights)
    assert warm.weights is deep.weights is beside.weights is model.weights
    other = LocalChatModel(model=str(chat_llama_folder), dtype="bfloat16", weights=model.weights)
    assert other.card["dtype"] == "bfloat16"


def test_a_field_configured_for_one_call_loads_nothing_anew(
    model: LocalChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.models.local.chat.load", None)
    configurable = model.configurable_fields(max_tokens=ConfigurableField(id="limit"))
    reply = configurable.invoke(CHAT, config={"configurable": {"limit": 3}})
    assert isinstance(reply, AIMessage)
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] == 3


def test_what_decides_the_loading_is_not_changed_afterwards(model: LocalChatModel) -> None:
    changed = model.model_copy(update={"dtype": "bfloat16"})
    with pytest.raises(ConfigError, match="was changed after it: make a new LocalChatModel instead"):
        changed.invoke(CHAT)


def test_langchain_s_cache_tells_apart_what_answers_differently(model: LocalChatModel) -> None:
    plain = model._get_llm_string()
    changes: list[dict[str, Any]] = [{"temperature": 1.0}, {"seed": 1}, {"stop": ["a"]}, {"template_options": {"a": 1}}]
    keys = [model.model_copy(update=change)._get_llm_string() for change in changes]
    assert len({plain, *keys}) == 5
    assert keys[2] == model._get_llm_string(stop=["a"])
    cached = model.model_copy(update={"cache": InMemoryCache(), "temperature": 1.5})
    assert cached.invoke(CHAT).content == cached.invoke(CHAT).content
    assert cached.invoke(CHAT, top_k=50).content != cached.invoke(CHAT).content


def test_a_card_and_traces_name_the_model(model: LocalChatModel) -> None:
    assert model.card["model"] == "tiny-chat"
    assert dict(model.card).items() <= dict(model._identifying_params).items()
    assert model._llm_type == "ragkit-local"
    params = model._get_ls_params(stop=["a"])
    assert (params["ls_provider"], params["ls_model_name"], params["ls_model_type"]) == ("ragkit", "tiny-chat", "chat")
    assert (params["ls_temperature"], params["ls_max_tokens"], params["ls_stop"]) == (0.0, 24, ["a"])
    assert not model.is_lc_serializable()


def test_callers_of_many_threads_get_their_own_replies(model: LocalChatModel) -> None:
    questions = [f"{number} herons?" for number in range(12)]
    expected = [model.invoke(question, max_tokens=10).content for question in questions]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda question: model.invoke(question, max_tokens=10).content, questions))
    assert replies == expected
