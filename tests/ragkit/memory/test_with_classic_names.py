"""How code written for LangChain's memory classes goes on: read it from top to bottom."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from ragkit.memory import ChatHistories, SummaryBufferMemory
from ragkit.memory.classic import (
    CombinedMemory,
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryBufferMemory,
    ConversationSummaryMemory,
    ConversationTokenBufferMemory,
    VectorStoreRetrieverMemory,
)
from ragkit.testing import HashingEmbeddings, ScriptedChatModel


def test_contexts_are_saved_and_variables_loaded() -> None:
    memory = ConversationBufferMemory()

    memory.save_context({"input": "hi"}, {"output": "what's up"})
    memory.save_context({"input": "not much you"}, {"output": "not much"})

    assert memory.load_memory_variables({}) == {
        "history": "Human: hi\nAI: what's up\nHuman: not much you\nAI: not much"
    }
    memory.clear()
    assert memory.load_memory_variables({}) == {"history": ""}


def test_a_chain_of_prompt_and_model_is_shown_messages() -> None:
    model = ScriptedChatModel(["Good day, Ann.", "You are Ann."])
    memory = ConversationBufferMemory(return_messages=True)
    prompt = ChatPromptTemplate([("system", "Be kind."), MessagesPlaceholder("history"), ("human", "{input}")])
    history = RunnableLambda(memory.load_memory_variables) | itemgetter("history")
    chain = RunnablePassthrough.assign(history=history) | prompt | model | StrOutputParser()

    for question in ("I am Ann.", "Who am I?"):
        inputs = {"input": question}
        memory.save_context(inputs, {"output": chain.invoke(inputs)})

    said = [message.text for message in model.calls[1].messages]
    assert said == ["Be kind.", "I am Ann.", "Good day, Ann.", "Who am I?"]


def test_a_prompt_of_text_is_shown_text() -> None:
    memory = ConversationBufferWindowMemory(k=1, memory_key="chat_history", human_prefix="Ann", ai_prefix="Bot")
    memory.save_context({"input": "hi"}, {"output": "what's up"})
    memory.save_context({"input": "not much you"}, {"output": "not much"})

    prompt = PromptTemplate.from_template("{chat_history}\nAnn: {input}\nBot:")
    text = prompt.format(input="bye", **memory.load_memory_variables({}))

    assert text == "Ann: not much you\nBot: not much\nAnn: bye\nBot:"


def test_a_limit_of_tokens_shows_less_and_keeps_all() -> None:
    memory = ConversationTokenBufferMemory(llm=ScriptedChatModel([]), max_token_limit=7)
    memory.save_context({"input": "hi"}, {"output": "what's up"})
    memory.save_context({"input": "not much you"}, {"output": "not much"})

    assert memory.load_memory_variables({}) == {"history": "Human: not much you\nAI: not much"}
    assert len(memory.chat_memory.messages) == 4


def test_a_summary_stands_for_what_was_said() -> None:
    llm = ScriptedChatModel(["They greet.", "They greet and do little."])
    memory = ConversationSummaryMemory(llm=llm)
    memory.save_context({"input": "hi"}, {"output": "what's up"})
    memory.save_context({"input": "not much you"}, {"output": "not much"})

    assert memory.load_memory_variables({}) == {"history": "They greet and do little."}


def test_a_summary_outlives_the_process_with_the_conversation_it_stands_for(tmp_path: Path) -> None:
    with ChatHistories(tmp_path / "conversations.db") as histories:
        history = histories.session("monday", user_id="ann")
        memory = ConversationSummaryBufferMemory(
            llm=ScriptedChatModel(["They greet."]), max_token_limit=7, chat_memory=history
        )
        memory.save_context({"input": "hi"}, {"output": "what's up"})
        memory.save_context({"input": "not much you"}, {"output": "not much"})

    with ChatHistories(tmp_path / "conversations.db") as histories:
        history = histories.session("monday", user_id="ann")
        again = ConversationSummaryBufferMemory(llm=ScriptedChatModel([]), max_token_limit=7, chat_memory=history)
        assert again.load_memory_variables({}) == {"history": "System: They greet.\nHuman: not much you\nAI: not much"}
        # And one day the code moves on.
        newer = SummaryBufferMemory(history, ScriptedChatModel([]), max_tokens=1000)
        assert newer.summary is not None
        assert newer.summary.text == "They greet."


def test_turns_come_back_from_a_vector_store() -> None:
    store = InMemoryVectorStore(HashingEmbeddings())
    memory = VectorStoreRetrieverMemory(retriever=store.as_retriever(search_kwargs={"k": 1}))
    memory.save_context({"input": "My favourite food is pizza"}, {"output": "that's good to know"})
    memory.save_context({"input": "I do not like the Celtics"}, {"output": "ok"})

    found = memory.load_memory_variables({"prompt": "which food is my favourite?"})

    assert found == {"history": "input: My favourite food is pizza\noutput: that's good to know"}


def test_memories_are_combined_into_one_prompt() -> None:
    recent = ConversationBufferWindowMemory(k=1, memory_key="recent", input_key="input")
    summed = ConversationSummaryMemory(
        llm=ScriptedChatModel(["They greet.", "They chat."]), memory_key="summary", input_key="input"
    )
    memory = CombinedMemory(memories=[recent, summed])
    memory.save_context({"input": "hi"}, {"output": "what's up"})
    memory.save_context({"input": "not much you"}, {"output": "not much"})

    assert memory.load_memory_variables({}) == {
        "recent": "Human: not much you\nAI: not much",
        "summary": "They chat.",
    }
