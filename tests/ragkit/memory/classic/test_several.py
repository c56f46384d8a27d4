from __future__ import annotations

import pytest

from ragkit.errors import ConfigError
from ragkit.memory.classic import CombinedMemory, ConversationBufferMemory, ReadOnlySharedMemory, SimpleMemory


def test_variables_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="several memories give the variable 'history': give each a memory_key"):
        CombinedMemory(memories=[ConversationBufferMemory(), ConversationBufferMemory()])


async def test_all_are_saved_to_and_cleared() -> None:
    one, other = ConversationBufferMemory(memory_key="one"), ConversationBufferMemory(memory_key="other")
    memory = CombinedMemory(memories=[one, other, SimpleMemory(memories={"place": "Rome"})])
    await memory.asave_context({"input": "hi"}, {"output": "ho"})
    said = "Human: hi\nAI: ho"
    assert await memory.aload_memory_variables({}) == {"one": said, "other": said, "place": "Rome"}
    await memory.aclear()
    assert memory.load_memory_variables({}) == {"one": "", "other": "", "place": "Rome"}


def test_what_is_read_only_is_not_written_to() -> None:
    memory = ConversationBufferMemory()
    shared = ReadOnlySharedMemory(memory=memory)
    memory.save_context({"input": "hi"}, {"output": "ho"})
    shared.save_context({"input": "no"}, {"output": "no"})
    shared.clear()
    assert shared.memory_variables == ["history"]
    assert shared.load_memory_variables({}) == {"history": "Human: hi\nAI: ho"}


def test_variables_that_never_change_cannot_be_changed_from_outside() -> None:
    memory = SimpleMemory(memories={"place": "Rome"})
    memory.load_memory_variables({})["place"] = "Oslo"
    assert memory.load_memory_variables({}) == {"place": "Rome"}
