from __future__ import annotations

import pytest
from langchain_core.example_selectors import BaseExampleSelector
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, FewShotPromptTemplate, PromptTemplate
from langchain_core.prompts.few_shot import FewShotChatMessagePromptTemplate

from ragkit.errors import InputError
from ragkit.prompts.examples import Example, as_examples
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.langchain import LangChainExampleSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings

WORDS = as_examples([("happy", "sad"), ("tall", "short"), ("happier", "sadder")])


def similar() -> LangChainExampleSelector:
    return LangChainExampleSelector(SimilaritySelector(WORDS, HashingEmbeddings(), 2))


def test_a_selector_chooses_for_langchains_chat_template() -> None:
    turns = ChatPromptTemplate.from_messages([("human", "{input}"), ("ai", "{output}")])
    shown = FewShotChatMessagePromptTemplate(
        example_selector=similar(), example_prompt=turns, input_variables=["input"]
    )
    prompt = ChatPromptTemplate.from_messages([("system", "Antonyms."), shown, ("human", "{input}")])
    assert prompt.invoke({"input": "happiest"}).to_messages()[1:] == [
        HumanMessage("happy"),
        AIMessage("sad"),
        HumanMessage("happier"),
        AIMessage("sadder"),
        HumanMessage("happiest"),
    ]


async def test_a_selector_chooses_for_langchains_text_template() -> None:
    prompt = FewShotPromptTemplate(
        example_selector=LangChainExampleSelector(FixedSelector(WORDS[:1]), input_key="word", output_key="antonym"),
        example_prompt=PromptTemplate.from_template("{word} -> {antonym}"),
        suffix="{word} ->",
        input_variables=["word"],
    )
    assert prompt.format(word="tall") == await prompt.aformat(word="tall") == "happy -> sad\n\ntall ->"


async def test_examples_are_added_behind_the_others() -> None:
    selector = similar()
    assert isinstance(selector, BaseExampleSelector)
    selector.add_example({"input": "happiest", "output": "saddest"})
    await selector.aadd_example({"input": "big", "output": "small"})
    assert selector.selector.examples == (*WORDS, Example("happiest", "saddest"), Example("big", "small"))
    assert await selector.aselect_examples({"input": "the happiest"}) == selector.select_examples(
        {"input": "the happiest"}
    )
    assert {"input": "happiest", "output": "saddest"} in selector.select_examples({"input": "the happiest"})


def test_of_many_examples_with_a_bad_one_none_is_added() -> None:
    selector = similar()
    with pytest.raises(InputError, match=r"^example 1: there is no field 'output'; its fields are input\.$"):
        selector.add_examples([{"input": "a", "output": "b"}, {"input": "c"}])
    assert selector.selector.examples == WORDS


@pytest.mark.parametrize("variables", [{"text": "x"}, {}])
def test_the_text_must_be_under_the_inputs_key(variables: dict[str, str]) -> None:
    known = "text" if variables else "none"
    with pytest.raises(InputError, match=rf"^the text is expected as 'input'; the variables are {known}\.$"):
        similar().select_examples(variables)
