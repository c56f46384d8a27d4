from __future__ import annotations

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ragkit.models.wrappers.notes import note_chunk, note_result, notes_of


def test_notes_are_added_to_copies() -> None:
    message = AIMessage("Hi", response_metadata={"model_name": "m", "ragkit": {"attempts": 1}})
    result = ChatResult(generations=[ChatGeneration(message=message)], llm_output={"x": 1})
    chunk = ChatGenerationChunk(message=AIMessageChunk("Hi"))

    noted, noted_chunk = note_result(result, {"cached": True}), note_chunk(chunk, {"cached": True})

    assert notes_of(noted.generations[0].message) == {"attempts": 1, "cached": True}
    assert noted.llm_output == {"x": 1}
    assert notes_of(message) == {"attempts": 1}
    assert (notes_of(noted_chunk.message), notes_of(chunk.message)) == ({"cached": True}, {})
    assert note_chunk(chunk, {}) is chunk
    assert notes_of(AIMessage("", response_metadata={"ragkit": "odd"})) == {}
