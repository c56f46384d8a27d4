"""LangChain's standard suites for `LocalChatModel`, with a small model that copies arguments from its prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from ragkit.models.local.chat import LocalChatModel


@pytest.fixture(autouse=True, scope="module")
def _weights(copy_model: Path) -> Iterator[None]:
    loaded = LocalChatModel(model=str(copy_model))
    CopyModel.params = {"model": loaded.model, "weights": loaded.weights}
    yield
    loaded.close()


class CopyModel:
    """What both suites say of the model: they make many, which share one set of weights."""

    params: ClassVar[dict[str, Any]] = {}

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return CopyModel.params


class TestUnit(CopyModel, ChatModelUnitTests):
    """The unit suite. Skipped:

    - `test_init_from_env`: library rooms read no environment.
    - `test_serdes`: not serialisable on purpose; loading one from a file would load whatever weights the file names.
    """

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {name: value for name, value in super().standard_chat_model_params.items() if name != "api_key"}


class TestIntegration(CopyModel, ChatModelIntegrationTests):
    """The integration suite: 40 of the 50 tests apply to a model of text, and pass. Skipped:

    - `test_*_with_model_override` (4): a local model is its weights; another one is another object.
    - `test_audio_inputs`, `test_image_inputs`, `test_pdf_inputs`, `test_image_tool_message`, `test_pdf_tool_message`:
      models of text; other content is refused with a sentence.
    - `test_stream_time`: measures the time of a recorded web service.
    """

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"max_tokens": 200}

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return False
