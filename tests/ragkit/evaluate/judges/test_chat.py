from __future__ import annotations

import json
import math
import threading

import pytest

from ragkit.errors import ConfigError, ModelError
from ragkit.evaluate.chat import Ask
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.chat import ChatJudge, Sampled, self_agreement
from ragkit.evaluate.judges.recorded import NotRecordedError
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.testing.scripts import ScriptedModel

_CLAIM = Claim("It rains.", "Rain falls in the hills.", "What is the weather?")


def _said(verdict: str) -> str:
    return json.dumps({"reason": "so it is written", "verdict": verdict})


def _judged(*lines: str | Exception, retries: int = 1, samples: int = 1) -> list[Outcome]:
    return ChatJudge(ScriptedModel(lines), retries=retries, samples=samples).judge([_CLAIM])


@pytest.mark.parametrize(("verdict", "value"), [("supported", 1.0), ("partly supported", 0.5), ("not supported", 0.0)])
def test_a_verdict_is_worth_what_the_prompt_says(verdict: str, value: float) -> None:
    assert _judged(_said(verdict)) == [value]


def test_the_question_goes_with_its_schema() -> None:
    model = ScriptedModel([_said("supported")])
    ChatJudge(model).judge([_CLAIM])
    (ask,) = model.asks
    assert [message.role for message in ask.messages] == ["system", "user"]
    assert ask.schema is not None
    assert ask.schema["properties"]["verdict"]["enum"] == ["supported", "partly supported", "not supported"]


def test_a_reply_that_is_no_json_is_asked_again_with_the_complaint() -> None:
    model = ScriptedModel(["Yes, supported.", _said("supported")])
    assert ChatJudge(model).judge([_CLAIM]) == [1.0]
    said, complaint = model.asks[1].messages[2:]
    assert (said.role, said.content) == ("assistant", "Yes, supported.")
    assert complaint.role == "user"
    assert complaint.content.startswith("That reply cannot be read: the reply is no JSON")
    assert complaint.content.endswith(". Reply with the JSON object alone, as asked above.")


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ('{"reason": "a", "verdict": "maybe"}', "verdict is a text of length 5; expected one of 'supported'"),
        ('{"verdict": "supported"}', "reason is missing"),
        ('{"reason": "a", "verdict": 1}', "verdict is 1; expected string"),
        ('{"reason": "a", "verdict": "supported", "sure": true}', "the value has keys that are not expected"),
        ('Here: {"reason": "a", "verdict": "supported"}', "the reply is no JSON"),
        ("[]", "expected object"),
    ],
)
def test_a_reply_of_another_form_is_named_and_not_guessed_at(reply: str, complaint: str) -> None:
    model = ScriptedModel([reply, _said("supported")])
    ChatJudge(model).judge([_CLAIM])
    assert complaint in model.asks[1].messages[-1].content


def test_what_stays_unreadable_is_unscored_and_never_zero() -> None:
    assert _judged("no", "still no") == [Unscored("the judge gave no valid JSON")]
    assert _judged("no", retries=0) == [Unscored("the judge gave no valid JSON")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelError("out of memory"), "the model failed: out of memory"),
        (ConnectionError("refused"), "the model failed: refused"),
        (TimeoutError("after 60 s"), "the model failed: after 60 s"),
        (NotRecordedError("no reply"), "not recorded"),
    ],
)
def test_a_failing_model_leaves_the_claim_unscored(error: Exception, reason: str) -> None:
    assert _judged(error) == [Unscored(reason)]


def test_one_failing_claim_does_not_cost_the_others() -> None:
    model = ScriptedModel([_said("supported"), ModelError("down"), _said("not supported")])
    assert ChatJudge(model).judge([_CLAIM] * 3) == [1.0, Unscored("the model failed: down"), 0.0]


def test_a_programming_error_is_not_hidden_as_a_verdict() -> None:
    with pytest.raises(KeyError, match="wrong"):
        _judged(KeyError("wrong"))


def test_samples_are_asked_apart_and_averaged() -> None:
    model = ScriptedModel([_said("supported"), _said("supported"), _said("not supported")])
    (sampled,) = ChatJudge(model, samples=3).sample([_CLAIM])
    assert [ask.sample for ask in model.asks] == [0, 1, 2]
    assert sampled.outcome == pytest.approx(2 / 3)
    assert sampled.agreement == pytest.approx(1 / 3)


def test_a_failed_sample_leaves_the_mean_of_the_others() -> None:
    assert _judged(_said("supported"), ModelError("down"), samples=2) == [1.0]


def test_agreement_is_the_mean_over_claims_that_have_any() -> None:
    failed = Unscored("down")
    always, half, never = Sampled((1.0, 1.0)), Sampled((1.0, 0.0, 1.0, 0.0)), Sampled((failed, 1.0))
    assert half.agreement == pytest.approx(1 / 3)
    found = self_agreement([always, half, never])
    assert (found.equal, found.claims) == (pytest.approx(2 / 3), 2)
    assert math.isnan(self_agreement([never]).equal)
    assert self_agreement([]).claims == 0


def test_alpha_is_one_for_a_judge_that_never_wavers_and_low_for_one_that_tosses_a_coin() -> None:
    steady = [Sampled((1.0, 1.0)), Sampled((0.0, 0.0)), Sampled((1.0, 1.0))]
    wavering = [Sampled((1.0, 0.0)), Sampled((0.0, 1.0))]
    assert self_agreement(steady).alpha == 1.0
    assert self_agreement(wavering).alpha == pytest.approx(-0.5)


def test_claims_are_judged_at_once_and_keep_their_order() -> None:
    together = threading.Barrier(4, timeout=10)

    def answer(ask: Ask) -> str:
        together.wait()  # passes only when four questions are under way
        return _said("supported" if "claim 2" in ask.messages[1].content else "not supported")

    claims = [Claim(f"claim {number}", "evidence") for number in range(4)]
    assert ChatJudge(ScriptedModel(answer), workers=4).judge(claims) == [0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(("name", "value", "least"), [("samples", 0, 1), ("retries", -1, 0), ("workers", 0, 1)])
def test_a_number_too_small_is_refused(name: str, value: int, least: int) -> None:
    options: dict[str, int] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} must be at least {least}, got {value}"):
        ChatJudge(ScriptedModel([]), None, **options)


def test_the_card_names_all_that_decides_a_verdict() -> None:
    card = ChatJudge(ScriptedModel([], name="m"), samples=2).card
    assert (card["judge"], card["model"], card["samples"], card["retries"]) == ("chat", {"name": "m"}, 2, 1)
    assert card["prompt"]["name"] == "judge-support"


def test_no_claims_give_no_verdicts() -> None:
    assert ChatJudge(ScriptedModel([])).judge([]) == []
