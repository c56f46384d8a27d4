"""What is done to memories of the classic names, and how it is played: on ragkit's, and once on LangChain's own.

    pip install langchain-classic==1.0.8 langchain-core==1.7.2     # anywhere but in ragkit's environment
    python tests/ragkit/memory/classic/scenarios.py > tests/ragkit/memory/classic/outputs.json

writes what LangChain's own classes gave, which `test_outputs.py` compares ragkit's with. A step is a list: `save`
inputs, outputs; `load` inputs; `clear`; `write` messages (into the history, as another program would).
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from ragkit.testing import HashingEmbeddings, ScriptedChatModel

Step = list[Any]
Make = Callable[[ModuleType], Any]

HI = ["save", {"input": "hi"}, {"output": "whats up"}]
NOT_MUCH = ["save", {"input": "not much you"}, {"output": "not much"}]
BRACES = ["save", {"input": "{a} {{b}} %s\n日本語 \u200f"}, {"output": "Human: no\nAI: {}"}]
LOAD: Step = ["load", {}]
TALK: list[Step] = [HI, LOAD, NOT_MUCH, LOAD, BRACES, LOAD, ["clear"], LOAD]
TOOLS: list[BaseMessage] = [
    SystemMessage("Be kind."),
    HumanMessage("1 + 2?"),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}]),
    ToolMessage("3", tool_call_id="c1"),
    AIMessage("3."),
]


def scripted(*replies: str) -> ScriptedChatModel:
    """A model whose tokens are words."""
    return ScriptedChatModel(list(replies))


def recall(classes: ModuleType, **options: Any) -> Any:
    store = InMemoryVectorStore(HashingEmbeddings())
    return classes.VectorStoreRetrieverMemory(retriever=store.as_retriever(search_kwargs={"k": 1}), **options)


def made(name: str, **options: Any) -> Make:
    return lambda classes: getattr(classes, name)(**options)


def talking(name: str, *replies: str, **options: Any) -> Make:
    return lambda classes: getattr(classes, name)(llm=scripted(*replies), **options)


SUMMARY = ("They greet.", "They greet and do little.", "They write braces.", "Nothing.", "Still nothing.")
KEYS = {"input_key": "question", "output_key": "answer"}
MANY = [
    ["save", {"question": "Q", "context": "C"}, {"answer": "A", "sources": "S"}],
    ["load", {"question": "Q2", "context": "C"}],
]
TASTES: list[Step] = [
    ["save", {"input": "My favourite food is pizza"}, {"output": "that's good to know"}],
    ["save", {"input": "My favourite sport is soccer"}, {"output": "..."}],
    ["save", {"input": "I do not like the Celtics"}, {"output": "ok"}],
    ["load", {"prompt": "what sport should I watch?"}],
    ["load", {"prompt": "which food is my favourite?"}],
    ["clear"],
    ["load", {"prompt": "which food is my favourite?"}],
]
PROMPT = PromptTemplate.from_template("{summary}|{new_lines}")

SCENARIOS: dict[str, tuple[Make, list[Step]]] = {
    "buffer": (made("ConversationBufferMemory"), TALK),
    "buffer, messages": (made("ConversationBufferMemory", return_messages=True, memory_key="chat_history"), TALK),
    "buffer, prefixes": (made("ConversationBufferMemory", human_prefix="Ann", ai_prefix="Bob"), TALK),
    "buffer, keys": (made("ConversationBufferMemory", **KEYS), MANY),
    "buffer, too many inputs": (made("ConversationBufferMemory", output_key="answer"), MANY[:1]),
    "buffer, too many outputs": (made("ConversationBufferMemory", input_key="question"), MANY[:1]),
    "buffer, output among others": (
        made("ConversationBufferMemory"),
        [["save", {"input": "hi", "stop": ["x"], "history": "h"}, {"output": "ho", "sources": "S"}], LOAD],
    ),
    "buffer, tools": (made("ConversationBufferMemory"), [["write", TOOLS], HI, LOAD]),
    "string buffer": (made("ConversationStringBufferMemory", human_prefix="Ann"), TALK),
    "window": (made("ConversationBufferWindowMemory", k=1), TALK),
    "window, messages": (made("ConversationBufferWindowMemory", k=2, return_messages=True), TALK),
    "window of none": (made("ConversationBufferWindowMemory", k=0), TALK),
    "window of five": (made("ConversationBufferWindowMemory"), [*[HI, NOT_MUCH] * 3, LOAD]),
    "tokens": (talking("ConversationTokenBufferMemory", max_token_limit=8), TALK),
    "tokens, messages": (talking("ConversationTokenBufferMemory", max_token_limit=12, return_messages=True), TALK),
    "tokens, half a turn": (talking("ConversationTokenBufferMemory", max_token_limit=10), [HI, NOT_MUCH, LOAD]),
    "tokens, none": (talking("ConversationTokenBufferMemory", max_token_limit=0), TALK),
    "tokens, enough": (talking("ConversationTokenBufferMemory"), TALK),
    "summary": (talking("ConversationSummaryMemory", *SUMMARY), TALK),
    "summary, messages": (talking("ConversationSummaryMemory", *SUMMARY, return_messages=True, prompt=PROMPT), TALK),
    "summary, as a person's": (
        talking("ConversationSummaryMemory", *SUMMARY, return_messages=True, summary_message_cls=HumanMessage),
        TALK,
    ),
    "summary and buffer": (talking("ConversationSummaryBufferMemory", *SUMMARY, max_token_limit=10), TALK),
    "summary and buffer, messages": (
        talking("ConversationSummaryBufferMemory", *SUMMARY, max_token_limit=6, return_messages=True, prompt=PROMPT),
        TALK,
    ),
    "summary and buffer, enough": (talking("ConversationSummaryBufferMemory"), TALK),
    "recall": (recall, TASTES),
    "recall, documents": (lambda classes: recall(classes, return_docs=True, memory_key="past"), TASTES),
    "recall, without context": (
        lambda classes: recall(classes, input_key="question", exclude_input_keys=["context"]),
        MANY,
    ),
    "combined": (
        lambda classes: classes.CombinedMemory(
            memories=[
                classes.ConversationBufferMemory(memory_key="all", input_key="input"),
                classes.ConversationBufferWindowMemory(memory_key="last", input_key="input", k=1),
                classes.SimpleMemory(memories={"place": "Zürich"}),
            ]
        ),
        TALK,
    ),
    "combined, one key twice": (
        lambda classes: classes.CombinedMemory(memories=[classes.SimpleMemory(memories={"a": 1})] * 2),
        [LOAD],
    ),
    "read only": (
        lambda classes: classes.ReadOnlySharedMemory(memory=classes.SimpleMemory(memories={"a": "1"})),
        TALK,
    ),
}


def drawn(number: int) -> tuple[Make, list[Step]]:
    """Draw a memory, its options and a conversation."""
    pick = random.Random(number)
    name = pick.choice([f"Conversation{kind}Memory" for kind in KINDS])
    options: dict[str, Any] = {"human_prefix": pick.choice(["Human", "H"]), "return_messages": pick.random() < 0.3}
    if "Window" in name:
        options["k"] = pick.randint(-1, 3)
    if "Buffer" in name and name in MODELS:
        options["max_token_limit"] = pick.randint(0, 30)
    if "Summary" in name:
        options["prompt"] = PROMPT

    def say() -> str:
        return " ".join(pick.choices(["a", "b c", "{x}", "d e f", "", "\n", "日本"], k=pick.randint(0, 5)))

    said = [["save", {"input": say()}, {"output": say()}] for _ in range(pick.randint(1, 4))]
    steps = [step for save in said for step in (save, LOAD)]
    return (talking(name, *map(str, range(9)), **options) if name in MODELS else made(name, **options)), steps


KINDS = ("Buffer", "BufferWindow", "TokenBuffer", "Summary", "SummaryBuffer")
MODELS = tuple(f"Conversation{kind}Memory" for kind in KINDS[2:])
SCENARIOS |= {f"drawn {number}": drawn(number) for number in range(30)}


def play(classes: ModuleType, name: str) -> dict[str, Any]:
    """Give what a memory gave at each load; where a step was refused, that alone."""
    make, steps = SCENARIOS[name]
    try:
        memory = make(classes)
        return {"variables": list(memory.memory_variables), "loaded": _loaded(memory, steps)}
    except ValueError:
        return {"refused": True}


async def aplay(classes: ModuleType, name: str) -> dict[str, Any]:
    """Do the same with the async twins."""
    make, steps = SCENARIOS[name]
    try:
        memory = make(classes)
        return {"variables": list(memory.memory_variables), "loaded": await _aloaded(memory, steps)}
    except ValueError:
        return {"refused": True}


def _loaded(memory: Any, steps: list[Step]) -> list[Any]:
    loaded = []
    for do, *values in steps:
        if do == "load":
            loaded.append(_plain(memory.load_memory_variables(*values)))
        elif do == "write":
            memory.chat_memory.add_messages(*values)
        else:
            {"save": memory.save_context, "clear": memory.clear}[do](*values)
    return loaded


async def _aloaded(memory: Any, steps: list[Step]) -> list[Any]:
    loaded = []
    for do, *values in steps:
        if do == "load":
            loaded.append(_plain(await memory.aload_memory_variables(*values)))
        elif do == "write":
            await memory.chat_memory.aadd_messages(*values)
        else:
            await {"save": memory.asave_context, "clear": memory.aclear}[do](*values)
    return loaded


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, BaseMessage):
        return [value.type, value.content]
    return value.page_content if isinstance(value, Document) else value


if __name__ == "__main__":
    import langchain_classic.memory as original

    warnings.simplefilter("ignore")
    lines = (f" {json.dumps(name)}: {json.dumps(play(original, name), ensure_ascii=False)}" for name in SCENARIOS)
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
