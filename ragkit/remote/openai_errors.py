"""What the errors of openai mean for a caller, in the server's own words and without a key.

as_model_error(error)    openai's exception, or one of reading a reply  ->  an error of `ragkit.errors`
conceal(text, secrets)   takes keys, and what looks like one, out of a text
"""

from __future__ import annotations

import email.utils
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from ragkit._optional import require
from ragkit.errors import (
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputParseError,
    RateLimitError,
    shorten,
)

with require(feature="The client of an OpenAI-compatible server", package="openai", extra="openai"):
    import openai

__all__ = ["as_model_error", "conceal", "cut_short", "from_body", "retry_after_s", "without"]

_MOST_CHARS = 400
_WINDOW = 8
_SHORTEST = 6
_KEY_SHAPES = re.compile(
    r"(?i)\b(?:bearer|basic)\s+[^\s\"',;]+"
    r"|\b(?:sk|pk|rk|sess|gsk|hf|xai|lsv2|AIza|ghp|ek)[-_][\w*.\u2026-]{6,}"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|ContextWindowExceeded|maximum context length|exceeds? the (?:available )?context"
    r"|context window|prompt is too long|Input tokens exceed",
    re.IGNORECASE,
)
_WINDOW_TOKENS = re.compile(r"(?:context length|context window|maximum)\D{0,40}?(\d[\d,]*)", re.IGNORECASE)
_PROMPT_TOKENS = re.compile(
    r"(?:resulted in|requested|contains?|has)\s+(?:at least |about )?(\d[\d,]*) (?:input )?tokens", re.IGNORECASE
)
# Some servers answer 200 and give the status as the code of the error within.
_ERROR_NUMBERS = frozenset(str(status) for status in range(400, 600))
_NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded"})


class _Fault(NamedTuple):
    """What a server said of an error."""

    message: str
    code: str | None


def conceal(text: str, secrets: Sequence[str] = ()) -> str:
    """Take `secrets`, every part of them of eight characters or more, and what looks like a key, out of a text.

    Example:
        >>> conceal("Incorrect API key provided: sk-proj-abcd****wxyz.")
        'Incorrect API key provided: [key].'
    """
    return _KEY_SHAPES.sub(lambda match: "[key]" + ("." if match[0].endswith(".") else ""), without(text, secrets))


def without(text: str, hidden: Sequence[str], *, window: int = _WINDOW, mark: str = "[key]") -> str:
    """Put `mark` where `text` repeats `window` characters or more of something hidden.

    Takes time as the product of both lengths at worst, so it is for messages.

    Args:
        text: What will be shown.
        hidden: What must not be in it; anything shorter than six characters is too common to look for.
        window: The shortest part that counts, at least 6; what is hidden may be shorter itself.
        mark: What stands in its place.

    Example:
        >>> without("you sent: tell me a secret", ["please tell me a secret story"], mark="[prompt]")
        'you sent:[prompt]'
    """
    covered = [False] * len(text)
    for secret in hidden:
        width = min(window, len(secret))
        for start in range(len(text) - width + 1 if width >= _SHORTEST else 0):
            if text[start : start + width] in secret:
                covered[start : start + width] = [True] * width
    marked = "".join("\0" if cover else char for char, cover in zip(text, covered, strict=True))
    return re.sub("\0+", mark, marked)


def retry_after_s(headers: Mapping[str, str], *, now: Callable[[], float] = time.time) -> float | None:
    """Read how long a server asks to wait.

    Args:
        headers: Of its reply; `retry-after-ms` counts before `retry-after` in seconds or as an HTTP date.
        now: Seconds since 1970, to turn a date into a wait.

    Returns:
        Seconds, at least 0; None where it did not say, or said what cannot be read.
    """
    if (wait := _number(headers.get("retry-after-ms"))) is not None:
        return wait / 1000
    said = headers.get("retry-after")
    if said is None or (wait := _number(said)) is not None:
        return wait
    try:
        date = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None


def as_model_error(error: BaseException, *, secrets: Sequence[str] = ()) -> ModelError:
    """Turn an error of openai, or of reading a reply, into ours.

    Raise the result outside of the `except` that caught `error`: openai's exceptions hold the request with its key, and
    nothing of them should hang on ours.

    Args:
        error: What was raised.
        secrets: Keys that must not be in the message; what looks like a key is left out anyhow.

    Returns:
        An error with the server's own message, its status, its name of the fault and the id of the request, as far as
        the server gave them; `error` itself if it is ours already.
    """
    if isinstance(error, ModelError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _from_status(error, secrets)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return ModelTimeoutError("the server did not answer in time: raise the timeout, or ask for less.")
    if isinstance(error, openai.APIConnectionError):
        root = _root(error)
        if isinstance(root, ModelUnavailableError):
            return ModelUnavailableError(str(root), status=root.status)
        reason = conceal((str(root) or type(root).__name__).rstrip("."), secrets)
        return ModelUnavailableError(f"the server cannot be reached, or broke off: {shorten(reason, _MOST_CHARS)}.")
    if isinstance(error, openai.APIError):
        return from_body(error.body or {"message": error.message}, secrets=secrets)
    if isinstance(error, openai.LengthFinishReasonError | openai.ContentFilterFinishReasonError):
        return _from_finish(error)
    return ModelUnavailableError(f"the server's reply cannot be read: {_kind_of(error)}.")


def _root(error: BaseException) -> BaseException:
    """Give what the network raised; openai and LangChain put "Connection error." on top of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _from_status(error: openai.APIStatusError, secrets: Sequence[str]) -> ModelError:
    headers = error.response.headers
    return from_body(
        error.body,
        status=error.status_code,
        wait_s=retry_after_s(headers),
        request_id=headers.get("x-request-id"),
        secrets=secrets,
    )


def from_body(
    body: object,
    *,
    status: int | None = None,
    wait_s: float | None = None,
    request_id: str | None = None,
    secrets: Sequence[str] = (),
) -> ModelError:
    """Turn the body of an error into ours.

    Args:
        body: JSON in any of the forms that servers use, or text.
        status: The HTTP status; None where the error came within a reply that began well.
        wait_s: How long the server asked to wait.
        request_id: The server's name of the request.
        secrets: Keys that must not be in the message.
    """
    fault = _fault(body)
    if status is None and fault.code in _ERROR_NUMBERS:
        status = int(fault.code)
    notes = [
        str(status) if status else "",
        "" if fault.code == str(status) else fault.code or "",
        f"request {request_id}" if request_id else "",
    ]
    said = conceal(fault.message, secrets) or "nothing about the reason"
    about = conceal(", ".join(note for note in notes if note), secrets)
    message = f"the server says: {shorten(said, _MOST_CHARS)}" + (f" ({shorten(about)})" if about else "")
    return _sorted_by(status, fault, message, wait_s)


def _sorted_by(status: int | None, fault: _Fault, message: str, wait_s: float | None) -> ModelError:
    """Choose the kind of error."""
    code = fault.code
    if (status or 0) < 500 and _TOO_LONG.search(f"{code} {fault.message}"):
        return ContextLengthError(message, **_lengths(fault.message))
    if status == 429 or code in {"rate_limit_exceeded", *_NO_QUOTA}:
        return RateLimitError(message, retry_after_s=wait_s, quota=code in _NO_QUOTA)
    if status in (401, 403) or code in ("invalid_api_key", "invalid_authentication"):
        return ModelAccessError(message)
    if status in (408, 409, 425) or (status or 0) >= 500 or (status is None and _of_server(code)):
        return ModelUnavailableError(message, status=status, retry_after_s=wait_s)
    return ModelRequestError(message, status=status, code=code)


def _of_server(code: str | None) -> bool:
    """Whether an error without a status is the server's fault; one without a name is."""
    return code is None or code.startswith(("server", "internal", "overloaded", "service_unavailable"))


def _fault(body: object) -> _Fault:
    """Find the message: OpenAI's `error.message`, FastAPI's `detail`, or plain text without markup."""
    if isinstance(body, str):
        return _Fault(_plain(body), None)
    if not isinstance(body, Mapping):
        return _Fault("", None)
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return _Fault(_plain(str(error or "")), None)
    message = error.get("message") or _detail(error.get("detail")) or ""
    code = error.get("code") or error.get("type")
    return _Fault(" ".join(str(message).split()), None if code is None else str(code))


def _detail(detail: object) -> str:
    """Read FastAPI's list of faults, which repeats what was sent: only place and message are taken."""
    if not isinstance(detail, list):
        return str(detail or "")
    faults = [item for item in detail if isinstance(item, Mapping)]
    return "; ".join(f"{'.'.join(map(str, item.get('loc', [])))}: {item.get('msg', '')}" for item in faults)


def _plain(text: str) -> str:
    if text.lstrip().startswith("{"):
        try:
            return _fault(json.loads(text)).message
        except (ValueError, RecursionError):
            pass
    text = re.sub(r"(?is)<(style|script|head)\b.*?</\1>", " ", text[:20_000])
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def _lengths(message: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, pattern in (("context_tokens", _WINDOW_TOKENS), ("prompt_tokens", _PROMPT_TOKENS)):
        if match := pattern.search(message):
            found[name] = int(match[1].replace(",", ""))
    return found


def _from_finish(error: openai.LengthFinishReasonError | openai.ContentFilterFinishReasonError) -> ModelError:
    completion = error.completion
    said = completion.choices[0].message.content if completion and completion.choices else None
    return cut_short("length" if isinstance(error, openai.LengthFinishReasonError) else "content_filter", said or "")


def cut_short(reason: str, said: str) -> OutputParseError:
    """Say of a reply that should be JSON why it is not whole.

    Args:
        reason: Its finish reason: `length` or `content_filter`.
        said: What there is of it.
    """
    who = "max_tokens (raise it)" if reason == "length" else "the server's content filter"
    return OutputParseError(f"the reply was cut by {who} before its JSON was whole.", said)


def _kind_of(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON from line {error.lineno}, column {error.colno} on"
    return f"{type(error).__name__} while reading it"
