"""What keys look like, from their issuers' published forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PLACEHOLDER", "SHAPES", "Shape", "find_shapes", "without_shapes"]

PLACEHOLDER = "SCRUBBED"
"""Stands where a secret was."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of key; the secret is the whole match, or its group `secret`."""

    kind: str
    pattern: re.Pattern[str]
    holds: str
    """What every match holds; a text without it is not searched."""


# Inside a longer word it is no key: `task-force…` holds `sk-force…`. After the escape of another character it is one.
_ALONE = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"


def _shape(kind: str, pattern: str, *, holds: str | None = None, alone: bool = True) -> Shape:
    # What a pattern begins with, its matches hold.
    begins = re.split(r"[^\w-]", pattern, maxsplit=1)[0]
    return Shape(kind, re.compile(f"{_ALONE}{pattern}" if alone else pattern), begins if holds is None else holds)


SHAPES: tuple[Shape, ...] = (
    _shape("private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----", alone=False),
    _shape("Anthropic key", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    _shape("OpenAI key", r"sk-(?:proj|svcacct|admin|None|service)-[A-Za-z0-9_-]{16,}"),
    _shape("OpenRouter key", r"sk-or-[A-Za-z0-9_-]{16,}"),
    _shape("key of the form sk-…", r"sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
    _shape("OpenAI session", r"sess-[A-Za-z0-9]{20,}"),
    _shape("OpenAI session", r"ek_[A-Za-z0-9]{16,}"),
    _shape("OpenAI organisation", r"org-[A-Za-z0-9]{16,}"),
    _shape("OpenAI project", r"proj_[A-Za-z0-9]{16,}"),
    _shape("request id", r"req_[A-Za-z0-9]{16,}"),
    _shape("Hugging Face token", r"hf_[A-Za-z0-9]{24,}"),
    _shape("Hugging Face token", r"api_org_[A-Za-z0-9]{24,}"),
    _shape("GitHub token", r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    _shape("GitLab token", r"gl(?:pat|ptt|rt|dt|cbt)-[A-Za-z0-9_-]{20,}"),
    _shape("AWS key id", r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("Google key", r"AIza[A-Za-z0-9_-]{35}"),
    _shape("Google client secret", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    _shape("Google access token", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _shape("Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _shape("Slack token", r"xapp-[A-Za-z0-9-]{10,}"),
    _shape("Slack webhook", r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}", alone=False),
    _shape("Stripe key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", holds="k_"),
    _shape("Stripe key", r"whsec_[A-Za-z0-9+/=]{20,}"),
    _shape("Groq key", r"gsk_[A-Za-z0-9]{20,}"),
    _shape("xAI key", r"xai-[A-Za-z0-9]{20,}"),
    _shape("Perplexity key", r"pplx-[A-Za-z0-9]{20,}"),
    _shape("Replicate token", r"r8_[A-Za-z0-9]{30,}"),
    _shape("Tavily key", r"tvly-[A-Za-z0-9_-]{16,}"),
    _shape("LangSmith key", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    _shape("NVIDIA key", r"nvapi-[A-Za-z0-9_-]{20,}"),
    _shape("SendGrid key", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _shape("npm token", r"npm_[A-Za-z0-9]{36}"),
    _shape("package index token", r"pypi-[A-Za-z0-9_-]{40,}"),
    _shape("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{40,}", holds="_v1_"),
    _shape("Azure key", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{10}AC[A-Za-z0-9]{14}", holds="JQQJ99"),
    _shape("Telegram token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", holds=":AA"),
    _shape("JSON web token", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _shape("bearer token", r"[Bb]earer\s+(?P<secret>(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*)", holds="earer"),
    _shape("bearer token", r"[Bb]earer\s+(?P<secret>[A-Za-z._~+/-]{24,}=*)", holds="earer"),
    _shape("basic credentials", r"Basic\s+(?P<secret>[A-Za-z0-9+/](?=[a-z+/]*[A-Z0-9=])[A-Za-z0-9+/]{11,}={0,2})"),
    _shape("password in an address", r"[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:(?P<secret>[^\s/@\"'<>]+)@", holds="://"),
)
"""The kinds, the more exact before the more general: of two that overlap the first counts."""


def find_shapes(text: str) -> Iterator[tuple[str, int, int]]:
    """Give kind, start and end of what looks like a key, each place once.

    What is already scrubbed is none.
    """
    taken: list[tuple[int, int]] = []
    for shape in SHAPES:
        if shape.holds not in text:
            continue
        for match in shape.pattern.finditer(text):
            start, end = match.span("secret" if shape.pattern.groups else 0)
            if PLACEHOLDER in text[start:end]:
                continue
            if not any(start < other_end and other < end for other, other_end in taken):
                taken.append((start, end))
                yield shape.kind, start, end


def without_shapes(text: str) -> str:
    """Give the text with the placeholder in place of everything that looks like a key."""
    for start, end in sorted(((start, end) for _, start, end in find_shapes(text)), reverse=True):
        text = f"{text[:start]}{PLACEHOLDER}{text[end:]}"
    return text
