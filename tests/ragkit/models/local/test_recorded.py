"""A local model recorded and replayed without its weights; and the contract of `ragkit.testing` for a local model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool

from ragkit.errors import InputError
from ragkit.models.local.chat import LocalChatModel
from ragkit.testing.cassettes.findings import findings_in, findings_under
from ragkit.testing.contracts.chat_model import ChatModelContract
from ragkit.testing.generations import NotRecordedError, RecordedChatModel

POINT = {"title": "point", "description": "A point.", "type": "object", "properties": {"x": {"type": "boolean"}}}
POINT |= {"required": ["x"], "additionalProperties": False}


@tool
def look(far: bool) -> str:
    """Look."""
    return str(far)


def hear(model: BaseChatModel) -> list[Any]:
    """Ask for everything that can be recorded; ids that LangChain draws for each call are left out."""

    def bare(message: Any) -> dict[str, Any]:
        return {name: value for name, value in message.model_dump().items() if name != "id"}

    return [
        bare(model.invoke("Hello")),
        bare(model.invoke("Hello")),
        [bare(chunk) for chunk in model.stream("What is the capital?")],
        bare(model.invoke("Stop", stop=["e"])),
        bare(model.bind_tools([look], tool_choice="any").invoke("Look!")),
        [bare(chunk) for chunk in model.bind_tools([look], tool_choice="look").stream("Look!")],
        model.with_structured_output(POINT).invoke("A point"),
        model.with_structured_output(POINT, method="function_calling").invoke("A point"),
        model.get_num_tokens("The heron stands."),
    ]


def test_what_a_sampling_model_said_is_replayed_without_its_weights(chat_llama_folder: Path, tmp_path: Path) -> None:
    local = LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=70, temperature=1.5)
    recorded = RecordedChatModel(path=tmp_path / "x.jsonl", inner=local, mode="record")
    said = hear(recorded)
    recorded.close()
    assert said[0] != said[1]  # sampled: asked again, it says something else
    assert len(said[2]) > 3
    assert said[4]["tool_calls"][0]["name"] == "look"
    assert set(said[6]) == set(said[7]) == {"x"}
    assert hear(RecordedChatModel(path=tmp_path / "x.jsonl")) == said
    assert [found for found in findings_under([tmp_path / "x.jsonl"]) if found.kind != "random string"] == []
    card = json.loads((tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()[0])["card"]
    assert findings_in(json.dumps(card), "x") == []
    cooler = LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=70, temperature=0.0)
    with pytest.raises(NotRecordedError, match=r"card.parameters.temperature: 1.5 was recorded, it is 0.0 now"):
        RecordedChatModel(path=tmp_path / "x.jsonl", inner=cooler).invoke("Hello")
    code = (
        "import sys\n"
        "from ragkit.testing import RecordedChatModel\n"
        f"print(RecordedChatModel(path={str(tmp_path / 'x.jsonl')!r}).invoke('Hello').model_dump_json())\n"
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["content"] == said[0]["content"]


class TestLocalChatModel(ChatModelContract):
    @pytest.fixture(autouse=True)
    def _folder(self, chat_llama_folder: Path) -> None:
        self._model = LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=70)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self._model.model, "dtype": "float32", "weights": self._model.weights}

    @pytest.fixture
    def failing_model(self) -> BaseChatModel | None:
        return LocalChatModel(**{**self.chat_model_params, "max_tokens": 5000})

    def test_the_failing_model_fails(self, failing_model: BaseChatModel) -> None:
        with pytest.raises((InputError, ValueError)):
            failing_model.invoke("x")
