"""What openai's errors and servers' bodies mean."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import (
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputParseError,
    RateLimitError,
)
from ragkit.remote.openai_errors import as_model_error, conceal, from_body, retry_after_s

KEY = "sk-proj-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ"
REQUEST = httpx2.Request("POST", "http://server/v1/chat/completions", headers={"authorization": f"Bearer {KEY}"})


def status_error(status: int, body: object, **headers: str) -> openai.APIStatusError:
    response = httpx2.Response(
        status, headers={name.replace("_", "-"): text for name, text in headers.items()}, json=body, request=REQUEST
    )
    return openai.OpenAI(api_key=KEY)._make_status_error_from_response(response)


def said(message: str, **fields: object) -> dict[str, object]:
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("wrong", code="invalid_value"), ModelRequestError),
        (401, said("who?", code="invalid_api_key"), ModelAccessError),
        (403, said("no"), ModelAccessError),
        (404, said("no such model", code="model_not_found"), ModelRequestError),
        (408, said("late"), ModelUnavailableError),
        (409, said("locked"), ModelUnavailableError),
        (413, said("big"), ModelRequestError),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "too many", "input": "THE PROMPT"}]}, ModelRequestError),
        (429, said("slow", code="rate_limit_exceeded"), RateLimitError),
        (500, said("oops"), ModelUnavailableError),
        (503, said("busy"), ModelUnavailableError),
        (302, {}, ModelRequestError),
    ],
)
def test_a_status_chooses_the_kind(status: int, body: object, kind: type[ModelError]) -> None:
    error = as_model_error(status_error(status, body))
    assert type(error) is kind
    assert f"({status}" in str(error)


def test_message_status_code_and_request_id_are_told() -> None:
    error = as_model_error(status_error(404, said("no such model", code="model_not_found"), x_request_id="req_7"))
    assert str(error) == "the server says: no such model (404, model_not_found, request req_7)"
    assert isinstance(error, ModelRequestError)
    assert (error.status, error.code) == (404, "model_not_found")


def test_a_key_that_the_server_repeats_is_left_out_also_in_parts() -> None:
    error = as_model_error(status_error(401, said(f"Incorrect API key provided: {KEY}. Yours ends so.")), secrets=[KEY])
    assert str(error) == "the server says: Incorrect API key provided: [key]. Yours ends so. (401)"
    parts = as_model_error(status_error(401, said(f"key {KEY[:12]}…{KEY[-10:]} is bad")), secrets=[KEY])
    assert KEY[:12] not in str(parts)
    assert KEY[-10:] not in str(parts)


@pytest.mark.parametrize(
    "text",
    [
        "Bearer abc.def-ghi",
        "authorization: bearer xyzxyzxyz",
        "sk-abcdef123456",
        "sk-1234****************abcd",
        "gsk_ABCDEFGHIJKL",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc123",
    ],
)
def test_what_looks_like_a_key_is_left_out(text: str) -> None:
    assert "[key]" in conceal(f"so: {text} was sent")
    assert text.split()[-1] not in conceal(f"so: {text} was sent")


@pytest.mark.parametrize(
    "text", ["risk-taking is fine", "the task-oriented mode", "a skeleton", "bearer", "no key here"]
)
def test_ordinary_words_stay(text: str) -> None:
    assert conceal(text, secrets=["none", ""]) == text


@given(key=st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=16, max_size=40), cut=st.data())
@settings(max_examples=50, deadline=None)
def test_no_eight_characters_of_a_key_are_left_anywhere(key: str, cut: st.DataObject) -> None:
    start = cut.draw(st.integers(0, len(key) - 8))
    end = cut.draw(st.integers(start + 8, len(key)))
    text = conceal(f"before {key[start:end]}, '{key}' and after", secrets=[key])
    assert not any(key[i : i + 8] in text for i in range(len(key) - 7))


def test_retry_after_is_read_in_all_three_forms() -> None:
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, now=lambda: 1445412480.0) == 30.0
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}, now=lambda: 2e9) == 0.0


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "", "99 bottles"])
def test_a_retry_after_that_cannot_be_read_counts_as_none(value: str) -> None:
    assert retry_after_s({"retry-after": value}) is None
    assert retry_after_s({}) is None


def test_a_limit_tells_how_long_to_wait_and_an_exhausted_quota_is_no_limit() -> None:
    limit = as_model_error(status_error(429, said("slow", code="rate_limit_exceeded"), retry_after="3"))
    assert isinstance(limit, RateLimitError)
    assert (limit.retry_after_s, limit.quota) == (3.0, False)
    quota = as_model_error(status_error(429, said("pay", type="insufficient_quota", code="insufficient_quota")))
    assert isinstance(quota, RateLimitError)
    assert quota.quota
    by_type = as_model_error(status_error(429, said("pay", type="insufficient_quota", code=None)))
    assert isinstance(by_type, RateLimitError)
    assert by_type.quota


def test_a_busy_server_tells_how_long_to_wait() -> None:
    busy = as_model_error(status_error(503, said("busy"), retry_after_ms="1500"))
    assert isinstance(busy, ModelUnavailableError)
    assert (busy.status, busy.retry_after_s) == (503, 1.5)


@pytest.mark.parametrize(
    ("message", "code", "lengths"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 10,240 tokens.",
            "context_length_exceeded",
            (10240, 8192),
        ),
        ("This model's maximum context length is 128 tokens, you requested 200 tokens", None, (200, 128)),
        ("Input tokens exceed the configured limit of 272000 tokens.", "context_length_exceeded", (None, None)),
        ("prompt is too long", None, (None, None)),
        ("the request exceeds the available context size", None, (None, None)),
    ],
)
def test_a_prompt_that_is_too_long_has_its_own_error(
    message: str, code: str | None, lengths: tuple[int | None, int | None]
) -> None:
    error = as_model_error(status_error(400, said(message, code=code)))
    assert isinstance(error, ContextLengthError)
    assert (error.prompt_tokens, error.context_tokens) == lengths
    assert message[:40] in str(error)


def test_bodies_of_other_servers_are_read_too() -> None:
    assert "plain trouble" in str(from_body("plain trouble", status=500))
    assert str(from_body({"error": "flat"}, status=400)) == "the server says: flat (400)"
    assert "body.n: too many" in str(from_body({"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, status=422))
    assert "Not Found" in str(from_body({"detail": "Not Found"}, status=404))
    assert "in text" in str(from_body(json.dumps(said("in text")), status=500))
    assert "{broken" in str(from_body("{broken", status=500))
    assert str(from_body(None, status=502)) == "the server says: nothing about the reason (502)"


def test_what_was_sent_is_not_repeated_from_a_list_of_faults() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "bad", "input": "THE PROMPT"}]}
    assert "THE PROMPT" not in str(as_model_error(status_error(422, body)))


def test_a_page_of_html_is_told_by_its_words() -> None:
    page = (
        "<html><head><title>t</title></head><style>p{}</style><body><h1>502 Bad\nGateway</h1><p>nginx</p></body></html>"
    )
    assert str(from_body(page, status=502)) == "the server says: 502 Bad Gateway nginx (502)"


def test_a_message_has_an_end() -> None:
    assert len(str(from_body(said("x" * 10_000), status=400))) < 500


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", ModelUnavailableError),
        (None, ModelUnavailableError),
        ("rate_limit_exceeded", RateLimitError),
        ("invalid_prompt", ModelRequestError),
        ("invalid_api_key", ModelAccessError),
        (429, RateLimitError),
        (502, ModelUnavailableError),
        (400, ModelRequestError),
    ],
)
def test_an_error_within_a_reply_that_began_well_is_sorted_by_its_name(
    code: str | int | None, kind: type[ModelError]
) -> None:
    assert type(from_body(said("trouble", code=code))) is kind


def test_errors_without_a_status_are_told_by_their_cause() -> None:
    late = as_model_error(openai.APITimeoutError(request=REQUEST))
    assert type(late) is ModelTimeoutError
    gone = openai.APIConnectionError(request=REQUEST)
    gone.__cause__ = httpx2.ConnectError("[Errno 111] Connection refused")
    assert str(as_model_error(gone)) == "the server cannot be reached, or broke off: [Errno 111] Connection refused."
    streamed = openai.APIError("stopped", REQUEST, body={"message": "stopped", "code": "server_error"})
    assert type(as_model_error(streamed)) is ModelUnavailableError
    assert "stopped" in str(as_model_error(openai.APIError("stopped", REQUEST, body=None)))


def test_ours_pass_and_the_rest_is_an_unreadable_reply() -> None:
    ours = RateLimitError("slow")
    assert as_model_error(ours) is ours
    broken = json.JSONDecodeError("Expecting value", "{x", 1)
    assert "it is no JSON from line 1, column 2 on" in str(as_model_error(broken))
    assert "KeyError while reading it" in str(as_model_error(KeyError("choices")))


def test_a_reply_that_was_cut_before_its_json_was_whole_says_by_what() -> None:
    completion = openai.types.chat.ChatCompletion.model_validate(
        {
            "id": "1",
            "created": 1,
            "model": "m",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "length",
                    "message": {"role": "assistant", "content": '{"a'},
                    "logprobs": None,
                }
            ],
        }
    )
    cut = as_model_error(openai.LengthFinishReasonError(completion=completion))
    assert isinstance(cut, OutputParseError)
    assert (cut.raw_output, str(cut)) == (
        '{"a',
        "the reply was cut by max_tokens (raise it) before its JSON was whole.",
    )
    assert "content filter" in str(as_model_error(openai.ContentFilterFinishReasonError()))
