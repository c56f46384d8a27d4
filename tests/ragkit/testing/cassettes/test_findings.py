from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import re
import string
from collections import Counter
from pathlib import Path

import pytest
import yaml
from vcr.request import Request  # type: ignore[import-untyped]

from ragkit.errors import LoadError
from ragkit.testing.cassettes.__main__ import main
from ragkit.testing.cassettes.entropy import bits_per_character, find_random
from ragkit.testing.cassettes.findings import findings_in, findings_under, masked
from ragkit.testing.cassettes.layout import Layout
from ragkit.testing.cassettes.scrub import Scrubber
from ragkit.testing.cassettes.shapes import find_shapes, without_shapes

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
HEX = "0123456789abcdef"


def drawn(seed: int) -> dict[str, str]:
    """Draw one secret of each kind, in the form that its issuer publishes."""
    lot = random.Random(seed)

    def some(count: int, letters: str = ALNUM) -> str:
        return "".join(lot.choices(letters, k=count - 1)) + lot.choice(string.digits)

    token = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    claims = base64.urlsafe_b64encode(json.dumps({"sub": some(12)}).encode()).decode().rstrip("=")
    return {
        "OpenAI key": f"sk-proj-{some(74, URLSAFE)}T3BlbkFJ{some(74, URLSAFE)}",
        "OpenAI key of a service": f"sk-svcacct-{some(40, URLSAFE)}",
        "old OpenAI key": f"sk-{some(20)}T3BlbkFJ{some(20)}",
        "Anthropic key": f"sk-ant-api03-{some(93, URLSAFE)}AA",
        "OpenRouter key": f"sk-or-v1-{some(64, HEX)}",
        "OpenAI session": f"ek_{some(32, HEX)}",
        "OpenAI organisation": f"org-{some(24)}",
        "OpenAI project": f"proj_{some(24)}",
        "Hugging Face token": f"hf_{some(34, string.ascii_letters)}",
        "GitHub token": f"ghp_{some(36)}",
        "GitHub app token": f"ghs_{some(36)}",
        "GitHub fine token": f"github_pat_{some(22)}_{some(59)}",
        "GitLab token": f"glpat-{some(20, URLSAFE)}",
        "AWS key id": f"AKIA{some(16, string.ascii_uppercase + string.digits)}",
        "Google key": f"AIza{some(35, URLSAFE)}",
        "Google client secret": f"GOCSPX-{some(28, URLSAFE)}",
        "Google access token": f"ya29.{some(60, URLSAFE)}",
        "Slack token": f"xoxb-{some(12, string.digits)}-{some(13, string.digits)}-{some(24)}",
        "Slack app token": f"xapp-1-A{some(10)}-{some(13, string.digits)}-{some(64, HEX)}",
        "Slack webhook": f"https://hooks.slack.com/services/T{some(8)}/B{some(8)}/{some(24)}",
        "Stripe key": f"sk_live_{some(24)}",
        "Groq key": f"gsk_{some(52)}",
        "xAI key": f"xai-{some(80)}",
        "Replicate token": f"r8_{some(37)}",
        "Perplexity key": f"pplx-{some(48)}",
        "Tavily key": f"tvly-dev-{some(32)}",
        "LangSmith key": f"lsv2_pt_{some(32, HEX)}_{some(10, HEX)}",
        "NVIDIA key": f"nvapi-{some(64, URLSAFE)}",
        "SendGrid key": f"SG.{some(22, URLSAFE)}.{some(43, URLSAFE)}",
        "npm token": f"npm_{some(36)}",
        "package index token": f"pypi-AgEIcHlwaS5vcmc{some(80, URLSAFE)}",
        "DigitalOcean token": f"dop_v1_{some(64, HEX)}",
        "Azure key": f"{some(52)}JQQJ99{some(10)}AC{some(14)}",
        "Telegram token": f"{some(10, string.digits)}:AA{some(33, URLSAFE)}",
        "JSON web token": f"{token}.{claims}.{some(43, URLSAFE)}",
        "bearer token": f"Bearer {some(30)}",
        "basic credentials": f"Basic {base64.b64encode(f'me:{some(12)}'.encode()).decode()}",
        "password in an address": f"postgres://me:{some(10)}@db.example.com/x",
        "private key": "-----BEGIN RSA PRIVATE KEY-----",
        "hexadecimal": some(32, HEX),
        "random": f"{some(32)}aB3",
    }


def planted(document: dict[str, object], secret: str, place: int) -> str:
    """Write a recording with a secret in one of the places where secrets end up."""
    first = document["interactions"][0]  # type: ignore[index]
    said = json.dumps({"text": f"It is {secret}, is it not?"})
    spots = {
        0: lambda: first["request"]["headers"].update({"authorization": [secret]}),
        1: lambda: first["request"]["headers"].update({"x-own": [secret]}),
        2: lambda: first["request"].update(body=said),
        3: lambda: first["request"].update(uri=f"https://api.example.com/v1?api_key={secret}"),
        4: lambda: first["response"].update(body={"string": f"data: {said}\n\ndata: [DONE]\n\n"}),
        5: lambda: first["response"].update(body={"string": gzip.compress(said.encode())}),
        6: lambda: first["response"].update(body={"string": f"{'word ' * 40}{secret}{' word' * 40}"}),
        7: lambda: first["response"].update(body={"string": f"Ünï\u2028 {secret}"}),
    }
    spots[place]()
    return yaml.safe_dump(document)


Recording = tuple[dict[str, object], Counter[tuple[str, str]]]


def told(text: str) -> Counter[tuple[str, str]]:
    return Counter((finding.kind, finding.masked) for finding in findings_in(text, "x"))


@pytest.fixture(scope="module")
def recordings(data: Path) -> list[Recording]:
    """The eight shortest real recordings, with what is found in each."""
    files = sorted((data / "openai_cassettes" / "cassettes").glob("*.yaml"), key=lambda file: file.stat().st_size)
    documents = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files[:8]]
    return [(document, told(yaml.safe_dump(document))) for document in documents]


@pytest.mark.parametrize("kind", drawn(0))
def test_every_kind_of_key_is_found_wherever_it_is_planted(kind: str, recordings: list[Recording]) -> None:
    for place, (document, before) in enumerate(recordings):
        secret = drawn(place)[kind]
        new = told(planted(copy.deepcopy(document), secret, place)) - before
        assert new, (kind, place)
        assert secret not in str(new)


@pytest.mark.parametrize("kind", sorted(set(drawn(0)) - {"hexadecimal", "random"}))
def test_every_key_shape_is_scrubbed_from_a_text(kind: str) -> None:
    for seed in range(20):
        secret = drawn(seed)[kind]
        clean = without_shapes(f'{{"a": "so {secret}"}}')
        assert secret not in clean
        assert "SCRUBBED" in clean
        assert list(find_shapes(clean)) == []


def test_real_recordings_hold_no_random_strings_but_those_that_really_are_private(data: Path) -> None:
    found = findings_under([data / "openai_cassettes" / "cassettes"])
    kinds = Counter(finding.kind for finding in found)
    # Cookies, organisations, request ids and test keys stand there; a key shape of another kind does not.
    assert {kind for kind in kinds if not kind.startswith("value of ")} == {
        "OpenAI organisation", "OpenAI project", "random string", "request id",
    }  # fmt: skip
    # The passwords of realtime calls (`a=ice-pwd:`), in two files.
    assert {Path(finding.file).name.split("__")[1] for finding in found if finding.kind == "random string"} == {
        "test_azure_ws",
        "test_openai_ws",
    }
    assert kinds["random string"] <= 6


NO_KEYS = [
    "task-management-for-the-2024-season",
    "risk-free-returns-and-other-stories-2025",
    "Bearer of bad news",
    "Basic understanding of internationalization",
    "https://example.com:8080/path?x=1@y",
    "the org-chart, the sk-learn package and hf_hub_download_with_retries",
    "Incorrect API key provided: sk-proj-****************abcd.",
    "Bearer SCRUBBED",
]


@pytest.mark.parametrize("text", NO_KEYS)
def test_plain_text_is_no_key(text: str) -> None:
    assert list(find_shapes(text)) == []
    assert findings_in(text, "x") == []


PLAIN = [
    '{"id": "chatcmpl-DmfZu2BjJmBGSSHpj9hWtFQYBUxYn", "call_id": "call_Z6lolsgR1GQ3A7vExkNGSrwY"}',
    '{"encrypted_content": "gAAAAABp-rIaNe6WknTMnPCTW6JIYUOsrQbNUvTkE_mV0UapEUw4P056qF39"}',
    '{"embedding": "4WEevBEnZ73jXUk9cp4pPdhXEr1tvXe98kQyveNFkT3NtqS89STQvFU2tTyF"}',
    '{"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}',
    '{"obfuscation": "Xp3xLMTkQ0aBcD9eFgHiJ"}',
    '{"key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}',
    "see https://example.com/files/0BBGV9OAdQDTLnKwAPBCcg1J7xyz for more",
    f"the number {'1234567890' * 8} is long",
    "lc_run--01a1fe8e-1afb-75c7-a33c-b4f88055ada5 01a1fe8e-1afb-75c7-a33c-b4f88055ada5",
    "a_rather_long_name_of_a_test_function_with_3_numbers",
    '{"token": " internationalization", "logprob": -0.1}',
    '{"api_key": "SCRUBBED", "password": "<your password>", "secret": "string", "api_token": "${TOKEN}"}',
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_belongs_in_recordings_is_no_finding(text: str) -> None:
    assert findings_in(text, "x") == []


def test_a_finding_tells_file_line_kind_and_no_more_than_the_beginning(tmp_path: Path) -> None:
    key = drawn(1)["GitHub token"]
    (tmp_path / "a.yaml").write_text(f"a: 1\nb: |\n  one\n  two {key}\nc:\n- x\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(f'{{"a": 1}}\n{{"password": "{"x1" * 4}"}}\n', encoding="utf-8")
    (tmp_path / "c.yaml.gz").write_bytes(gzip.compress(b'headers:\n  Set-Cookie:\n  - "session=tiny1"\n'))
    (tmp_path / "notes.txt").write_text(key, encoding="utf-8")
    assert [str(finding) for finding in findings_under([tmp_path])] == [
        f"{tmp_path}/a.yaml:4: GitHub token: ghp_… (40 characters)",
        f"{tmp_path}/b.jsonl:2: value of password: x… (8 characters)",
        f"{tmp_path}/c.yaml.gz:3: value of Set-Cookie: se… (13 characters)",
    ]
    assert len(findings_under([tmp_path / "notes.txt"])) == 1
    assert findings_under([tmp_path / "a.yaml"], allow=[re.compile("ghp_.*")]) == []
    assert masked("abc") == "… (3 characters)"


def test_the_whole_counts_and_not_its_parts() -> None:
    text = f"authorization:\n- Bearer {drawn(2)['JSON web token']}\n"
    assert [finding.kind for finding in findings_in(text, "x")] == ["value of authorization"]


def test_a_secret_in_pieces_of_a_stream_is_found_where_it_begins() -> None:
    key = drawn(3)["OpenAI key of a service"]
    pieces = ["Your key ", *(key[place : place + 6] for place in range(0, len(key), 6))]
    stream = "\n".join(f"      data: {json.dumps({'delta': piece})}\n" for piece in pieces)
    (found,) = findings_in(f"body:\n  string: |\n{stream}", "x")
    assert (found.line, found.kind, found.masked) == (5, "secret in pieces", masked(key))


def test_a_body_that_nobody_can_look_into_is_a_finding() -> None:
    packed = "headers:\n  content-encoding:\n  - br\nbody:\n  string: !!binary |\n    /wD+\n"
    assert [str(found) for found in findings_in(packed, "x")] == [
        "x:3: body packed in a way that is not known here: … (2 characters)"
    ]
    assert findings_in(packed.replace("- br", "- gzip"), "x") == []
    assert findings_in("headers:\n  content-encoding:\n  - br\nbody:\n  string: a text\n", "x") == []


def test_real_recordings_are_clean_once_scrubbed(data: Path) -> None:
    scrubber, left = Scrubber(), []
    files = sorted((data / "openai_cassettes" / "cassettes").glob("*.yaml"))
    for file in (file for file in files if file.stat().st_size < 50_000):
        document = Layout().deserialize(file.read_text(encoding="utf-8"))
        for exchange in document["interactions"]:
            # pydantic-ai keeps its bodies parsed, and its web sockets have none.
            asked, answered = exchange["request"], {"headers": {}, "body": {"string": ""}, **exchange["response"]}
            body = json.dumps(asked["parsed_body"]) if "parsed_body" in asked else asked.get("body")
            if "parsed_body" in answered:
                answered["body"] = {"string": json.dumps(answered["parsed_body"])}
            request = scrubber.request(Request(asked["method"], asked["uri"], body, asked["headers"]))
            response = scrubber.response(answered)
            for text in (request.uri, request.body or b"", response["body"]["string"]):
                plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
                left += findings_in(plain, file.name)
    # A password that is drawn for one call over the web has neither shape nor name: such a recording is refused.
    assert {(Path(found.file).name.split("__")[1], found.kind) for found in left} == {
        ("test_azure_ws", "random string"),
        ("test_openai_ws", "random string"),
    }


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no such file or folder"):
        findings_under([tmp_path / "none"])
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(LoadError, match="it cannot be read as text"):
        findings_under([tmp_path])


def test_random_words_are_told_by_their_entropy() -> None:
    assert bits_per_character("") == 0
    assert list(find_random("so 4VjSN9HmbfuizcxBRohAKf it is")) == [(3, 25)]
    assert list(find_random("4VjSN9HmbfuizcxBRohAKf", field="file_id")) == []
    assert list(find_random("a=ice-pwd:lmNkO3aB9cD8eF7gH6iJ5kL4mN3oP2q")) != []


def test_the_command_prints_findings_and_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = drawn(1)["GitHub token"]
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {key}\n", encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == f"{file}:1: GitHub token: ghp_… (40 characters)\n"
    assert told.err == "1 findings in 1 recordings\n"
    assert main(["check", "--json", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "findings": [{"file": str(file), "line": 1, "kind": "GitHub token", "masked": "ghp_… (40 characters)"}]
    }
    assert main(["check", "--allow", "ghp_.*", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "no findings in 1 recordings\n"


def test_wrong_use_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err
    assert main(["check", "--allow", "(", str(tmp_path)]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["other"])
    with pytest.raises(SystemExit, match="0"):
        main(["record", "--help"])
