from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.cli.evaluate.judging import named_judge, spent_in
from ragkit.errors import ConfigError
from ragkit.evaluate.chat import Ask, Reply
from ragkit.evaluate.runs import RunFolder
from ragkit.prompts.library import prompt_text


def test_a_detector_has_its_own_threshold_unless_one_is_given() -> None:
    own = named_judge("overlap", unit="sentence", encoder=lambda: None)
    assert (own.source, own.chat) == ("chosen on development data", None)
    given = named_judge("overlap", unit="sentence", encoder=lambda: None, threshold=0.25)
    assert (given.threshold, given.source) == (0.25, "given")


def test_only_a_detector_that_needs_one_is_given_an_embedding_model() -> None:
    def refuse() -> None:
        raise ConfigError("nobody needs this")

    named_judge("support", unit="sentence", encoder=refuse)
    with pytest.raises(ConfigError, match="nobody needs this"):
        named_judge("embedding", unit="sentence", encoder=refuse)


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(ConfigError, match="chat model 'house:model' has no provider that ragkit knows"):
        named_judge("house:model", unit="sentence", encoder=lambda: None)


def test_a_bare_name_is_told_how_a_chat_model_is_named() -> None:
    with pytest.raises(ConfigError, match=r"there is no judge 'gpt-4o': choose one of support, .*openai:…"):
        named_judge("gpt-4o", unit="sentence", encoder=lambda: None)


def test_what_was_spent_is_told_only_where_a_model_was_asked(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", command="c", dataset="d", config={}) as run:
        assert spent_in(run, "openai:m") == ""
        run.journal.put("k", Ask(messages=()), Reply(text="a", input_tokens=1200, output_tokens=3, cost_usd=0.5))
        assert spent_in(run, "openai:m") == "1 question to openai:m: 1,200 tokens in, 3 out, $0.5000."


def test_a_judge_asks_with_the_prompt_of_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")
    cards = []
    for words in ("fact checker", "reader"):
        changed = prompt_text("judge-support").replace("fact checker", words)
        (tmp_path / "judge-support.md").write_text(changed, encoding="utf-8")
        cards.append(named_judge("openai:gpt-4.1-mini", unit="sentence", encoder=lambda: None).judge.card["prompt"])
        monkeypatch.setenv("RAGKIT_PROMPTS", str(tmp_path))
    assert [card["name"] for card in cards] == ["judge-support"] * 2
    assert cards[0]["sha256"] != cards[1]["sha256"]
