from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ragkit
from ragkit.compose import evaluated_model
from ragkit.errors import ConfigError, ModelFilesError
from ragkit.evaluate.chat import Ask, Message
from ragkit.models import LocalChatModel, OpenAIChatModel
from ragkit.settings import Settings
from ragkit.testing.openai_replies import chat_reply
from ragkit.testing.servers import LoopbackServer

KEY = "sk-proj-of-the-settings-0123"
ASKED = Ask(messages=(Message("user", "Is it so?"),), schema={"type": "object", "properties": {}})


@pytest.fixture
def server(socket_enabled: None) -> Iterator[LoopbackServer]:
    with LoopbackServer([chat_reply('{"verdict": "yes"}', usage=(1_000_000, 500_000))] * 3) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model of the smallest size."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny:one"
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator([], trainers.BpeTrainer(special_tokens=["<|end|>"], initial_alphabet=alphabet))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|end|>")
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        eos_token_id=0,
        max_position_embeddings=512,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def settings(**given: Any) -> Settings:
    return Settings(**{"openai_key": KEY, **given})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "gpt-4.1",
            r"chat model 'gpt-4.1' names no provider: write openai:gpt-4.1 to send prompts to OpenAI, or local:",
        ),
        ("./models/mine", r"names no provider: write openai:\./models/mine to send prompts to OpenAI, or local:\./mod"),
        ("extractive", r"'extractive' is an answerer that quotes documents, not a chat model: expected local:<hub id"),
        (
            "anthropic:claude",
            r"chat model 'anthropic:claude' has no provider that ragkit knows: expected local:<hub id",
        ),
        ("", r"chat model '' has no provider that ragkit knows"),
        ("OpenAI:gpt-4.1", r"chat model 'OpenAI:gpt-4.1' has no provider that ragkit knows"),
        ("openai:", r"chat model 'openai:' names no model: expected local:<hub id or folder> or openai:<model>"),
        ("local: ", r"chat model 'local: ' names no model"),
        (3, r"a chat model is named by a SPEC, got int: expected local:<hub id or folder> or openai:<model>"),
    ],
)
def test_what_names_no_model_is_told_what_to_write(spec: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ragkit.chat_model(spec, settings=settings())


def test_a_model_of_openai_gets_key_server_and_who_is_billed_from_the_settings() -> None:
    told = settings(openai_base_url="https://house.example/v1", openai_organization="org-1", openai_project="proj-1")
    model = ragkit.chat_model("openai:gpt-4.1-mini", settings=told)
    assert isinstance(model, OpenAIChatModel)
    assert (model.model_name, model.openai_api_base) == ("gpt-4.1-mini", "https://house.example/v1")
    assert model.openai_api_key is not None
    assert model.openai_api_key.get_secret_value() == KEY
    assert (model.root_client.organization, model.root_client.project) == ("org-1", "proj-1")
    assert KEY not in repr(model)


def test_the_name_of_a_model_may_hold_colons() -> None:
    model = ragkit.chat_model("openai:ft:gpt-4.1-mini:mine::abc", settings=settings())
    assert isinstance(model, OpenAIChatModel)
    assert model.model_name == "ft:gpt-4.1-mini:mine::abc"


@pytest.mark.parametrize("name", ["base_url", "openai_api_base"])
def test_options_come_before_the_settings_by_either_name(name: str) -> None:
    told = settings(openai_base_url="https://house.example/v1")
    model = ragkit.chat_model("openai:any", settings=told, temperature=0.5, **{name: "http://127.0.0.1:9/v1"})
    assert isinstance(model, OpenAIChatModel)
    assert (model.openai_api_base, model.temperature) == ("http://127.0.0.1:9/v1", 0.5)


def test_without_a_key_openai_is_not_asked() -> None:
    with pytest.raises(ConfigError, match=r"openai:gpt-4.1 needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a"):
        ragkit.chat_model("openai:gpt-4.1", settings=Settings())
    assert ragkit.chat_model("openai:any", settings=Settings(openai_base_url="http://127.0.0.1:9/v1"))
    assert ragkit.chat_model("openai:any", settings=Settings(), api_key="sk-given-by-hand-000")


@pytest.mark.parametrize("name", ["model", "model_name"])
def test_a_model_is_named_once(name: str) -> None:
    with pytest.raises(ConfigError, match=r"openai:gpt-4.1 names the model already: leave model= out"):
        ragkit.chat_model("openai:gpt-4.1", settings=settings(), **{name: "another"})


@pytest.mark.parametrize(("name", "value"), [("temprature", 0.5), ("temperature", "hot")])
def test_an_option_that_does_not_fit_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        ragkit.chat_model("openai:gpt-4.1", settings=settings(), **{name: value})
    assert KEY not in str(caught.value)


def test_a_model_that_runs_here_is_named_by_its_folder(folder: Path) -> None:
    model = ragkit.chat_model(f"local:{folder}", settings=Settings(), max_tokens=3, temperature=0.0)
    assert isinstance(model, LocalChatModel)
    assert isinstance(model.invoke("Hello").text, str)


def test_a_hub_id_is_not_fetched_where_downloads_are_forbidden(tmp_path: Path) -> None:
    told = Settings(offline=True, hub_cache=tmp_path)
    with pytest.raises(ModelFilesError, match="no-such-organisation/no-such-model"):
        ragkit.chat_model("local:no-such-organisation/no-such-model", settings=told)


@pytest.mark.parametrize("name", ["temprature", "hubcache"])
def test_an_unknown_option_of_a_local_model_is_named(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        ragkit.chat_model(f"local:{folder}", settings=Settings(), **{name: 1})


def test_an_evaluated_model_is_named_and_priced(server: LoopbackServer) -> None:
    told = settings(openai_base_url=server.url)
    chat = evaluated_model("openai:gpt-4.1-mini", settings=told, temperature=0)
    said = chat.reply(ASKED)
    assert said.text == '{"verdict": "yes"}'
    assert (said.input_tokens, said.output_tokens) == (1_000_000, 500_000)
    assert said.cost_usd == pytest.approx(0.4 + 0.8)
    assert chat.card["name"] == "openai:gpt-4.1-mini"
    assert KEY not in str(chat.card)


def test_an_evaluated_model_without_a_price_is_unpriced_unless_the_user_tells_one(
    server: LoopbackServer, tmp_path: Path
) -> None:
    assert evaluated_model("openai:mine", settings=settings(openai_base_url=server.url)).reply(ASKED).cost_usd is None
    prices = tmp_path / "prices.json"
    prices.write_text('{"as_of": "2026-01-31", "source": "ours", "models": {"mine": {"input": 1, "output": 2}}}')
    told = settings(openai_base_url=server.url, prices=prices)
    assert evaluated_model("openai:mine", settings=told).reply(ASKED).cost_usd == pytest.approx(2.0)


def test_another_server_reads_the_schema_in_the_prompt(server: LoopbackServer) -> None:
    evaluated_model("openai:mine", settings=settings(openai_base_url=server.url)).reply(ASKED)
    sent = server.requests[0].json
    assert "response_format" not in sent
    assert "JSON of this schema" in sent["messages"][0]["content"]
    assert evaluated_model("openai:gpt-4.1", settings=settings()).card["schema"] == "response_format"


def test_a_model_that_runs_here_is_free_and_decodes_under_the_schema(folder: Path) -> None:
    chat = evaluated_model(f"local:{folder}", settings=Settings(), max_tokens=40)
    schema = {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    }
    said = chat.reply(Ask(messages=(Message("user", "Is it so?"),), schema=schema))
    assert said.cost_usd == 0.0
    assert said.output_tokens > 0
    written = "".join(said.text.split())  # a model of random weights may spend its tokens on white space
    assert written
    assert any(whole.startswith(written) for whole in ('{"verdict":"yes"}', '{"verdict":"no"}'))


def test_the_users_own_prompts_are_told_to_models(server: LoopbackServer, folder: Path, tmp_path: Path) -> None:
    front = "---\nname: {}\nversion: 2\nvariables: {{{}: option}}\n---\n# system\nMine: {{{{{}}}}}\n"
    for name, variable in (("reply-schema", "schema"), ("call-tools", "tools")):
        (tmp_path / f"{name}.md").write_text(front.format(name, variable, variable), encoding="utf-8")
    evaluated_model("openai:mine", settings=settings(openai_base_url=server.url, prompts=tmp_path)).reply(ASKED)
    assert server.requests[0].json["messages"][0]["content"].startswith("Mine: {")
    model: Any = ragkit.chat_model(f"local:{folder}", settings=Settings(prompts=tmp_path))
    assert model.tool_prompt.origin == str(tmp_path / "call-tools.md")
    assert model.card["tool_prompt"] == model.tool_prompt.sha256
