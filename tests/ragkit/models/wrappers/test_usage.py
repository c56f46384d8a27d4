from __future__ import annotations

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from ragkit.models.wrappers.usage import UsageSeen


def test_the_models_name_is_read_from_a_chunks_info_too() -> None:
    seen = UsageSeen()

    seen.add(ChatGenerationChunk(message=AIMessageChunk(""), generation_info={"model_name": "gpt-4o-2024-08-06"}))

    assert seen.model_name == "gpt-4o-2024-08-06"
    assert not seen.known
