"""The cassettes as a user has them: pytest runs a small suite of its own, against a real server on loopback."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

# Loaded here, or each inner run would load them anew.
import openai  # noqa: F401  # isort: skip
import ragkit.testing.cassettes.playing
import ragkit.testing.generations
import ragkit.testing.scripted_chat  # noqa: F401
from ragkit.testing.cassettes.__main__ import main, record_command
from ragkit.testing.cassettes.config import CassetteError, vcr_config
from ragkit.testing.cassettes.playing import played

pytest_plugins = ["pytester"]

KEY = "sk-proj-abcdefghij0123456789ABCDEFGHIJ"
SUITE = """
import os

import openai
import pytest

def client():
    key, url = os.environ["TEST_KEY"], os.environ["TEST_URL"]
    return openai.OpenAI(api_key=key, base_url=url, organization="org-Abcdefghij0123456789")

def ask(text, **options):
    messages = [{"role": "user", "content": text}]
    return client().chat.completions.create(model="small", messages=messages, **options)

@pytest.mark.ragkit_cassette
def test_whole():
    assert ask("Hello").choices[0].message.content == "You said: Hello"
    assert ask("Hello", temperature=0).usage.total_tokens == 3

@pytest.mark.ragkit_cassette
@pytest.mark.parametrize("city", ["Zürich"])
def test_stream(city):
    chunks = list(ask(city, stream=True))
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "You said: Zürich"

def test_alone():
    pass

async def test_async(ragkit_cassette):
    async with openai.AsyncOpenAI(api_key=os.environ["TEST_KEY"], base_url=os.environ["TEST_URL"]) as asked:
        reply = await asked.chat.completions.create(model="small", messages=[{"role": "user", "content": "a"}])
    assert reply.choices[0].message.content == "You said: a"
    assert ragkit_cassette.all_played or ragkit_cassette.dirty
"""


class Server(BaseHTTPRequestHandler):
    """Answers chat completions, gzipped, with every header that must not be kept."""

    asked = 0
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        type(self).asked += 1
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = f"You said: {body['messages'][0]['content']}"
        if body.get("stream"):
            self.answer("text/event-stream", "".join(f"data: {json.dumps(self.chunk(word))}\r\n\r\n" for word in said))
        else:
            whole = {
                "id": "chatcmpl-DmfZu2BjJmBGSSHpj9hWtFQYBUxYn",
                "object": "chat.completion",
                "created": 1,
                "model": "small-2025",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
                "echo": self.headers["authorization"],
            }
            self.answer("application/json", json.dumps(whole))

    def chunk(self, word: str) -> dict[str, Any]:
        delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [delta]}

    def answer(self, kind: str, text: str) -> None:
        content = gzip.compress(text.encode())
        self.send_response(200)
        for name, value in (
            ("content-type", kind),
            ("content-encoding", "gzip"),
            ("content-length", str(len(content))),
            ("set-cookie", "__cf_bm=abcdefghijklmnop0123456789; path=/"),
            ("openai-organization", "acme-corp"),
            ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
            ("x-ratelimit-remaining-requests", "99"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(socket_enabled: None) -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Server.asked = 0
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/v1"
    listening.shutdown()
    listening.server_close()


INI = """
[pytest]
filterwarnings = error
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = -q --strict-markers --strict-config --disable-socket --allow-unix-socket --block-network -p no:cacheprovider
"""
RECORD = tuple(record_command([])[3:])


class Project:
    """A user's folder with one file of tests."""

    def __init__(self, pytester: pytest.Pytester, patch: pytest.MonkeyPatch) -> None:
        self.folder = pytester.path
        self.cassettes = pytester.path / "cassettes" / "test_it"
        self._pytester = pytester
        self._patch = patch
        (self.folder / "pytest.ini").write_text(INI, encoding="utf-8")
        patch.setenv("TEST_KEY", KEY)

    def reach(self, url: str) -> None:
        self._patch.setenv("TEST_URL", url)

    def run(self, *options: str, suite: str = SUITE) -> tuple[int, str]:
        (self.folder / "test_it.py").write_text(suite, encoding="utf-8")
        ran = self._pytester.runpytest_inprocess(*options)
        return int(ran.ret), ran.stdout.str()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(pytester, monkeypatch)


def test_what_is_recorded_holds_no_secret_and_replays_without_the_server(server: str, project: Project) -> None:
    project.reach(server)
    code, told = project.run(*RECORD)
    assert code == 0, told
    assert "3 passed, 1 deselected" in told
    assert f"ragkit recorded {project.cassettes / 'test_whole.yaml'}" in told
    assert Server.asked == 4
    whole = (project.cassettes / "test_whole.yaml").read_text(encoding="utf-8")
    for private in (KEY, "org-", "acme", "cookie", "req_", "ratelimit", "stainless", "user-agent", "SCRUBBEDSCRUBBED"):
        assert private not in whole
    assert '"echo": "Bearer SCRUBBED"' in whole
    names = sorted(file.name for file in project.cassettes.iterdir())
    assert names == ["test_async.yaml", "test_stream-Zurich-524ca229.yaml", "test_whole.yaml"]
    code, told = project.run()
    assert (code, Server.asked) == (0, 4), told
    assert "4 passed" in told


HEAD = """\
# Replayed by pytest; `pytest --ragkit-record` records anew, `python -m ragkit.testing.cassettes check` checks.
version: 1
recorded:
  date: '"""
EVENTS = """\
        string: |+
          data: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [{"index": 0, "delta": {"content": "Y"}, "finish_reason": null}]}

          data: {"id": "c", "object":"""  # noqa: E501


def test_a_stream_stands_line_by_line_in_its_file_and_json_is_indented(server: str, project: Project) -> None:
    project.reach(server)
    assert project.run(*RECORD, "-k", "stream")[0] == 0
    text = next(project.cassettes.glob("test_stream*.yaml")).read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert EVENTS in text
    assert '      body: |\n        {\n          "model": "small",\n' in text
    document = yaml.safe_load(text)
    assert document["recorded"]["models"] == ["small"]
    assert document["interactions"][0]["response"]["headers"] == {"content-type": ["text/event-stream"]}


def test_a_request_that_is_not_recorded_fails_at_once_and_says_what_differs(server: str, project: Project) -> None:
    project.reach(server)
    project.run(*RECORD, "-k", "whole")
    code, told = project.run("-k", "whole", suite=SUITE.replace('ask("Hello").', 'ask("Good evening").'))
    assert (code, Server.asked) == (1, 2)
    assert (
        "/chat/completions is not recorded in test_whole.yaml, the nearest differs: "
        'messages[0].content: "Hello" was recorded, it is "Good evening" now. '
        "Record anew: python -m ragkit.testing.cassettes record test_it.py::test_whole" in told
    )
    _, told = project.run("-k", "whole", suite=SUITE.replace('ask("Hello", temperature=0)', 'ask("Hello")'))
    assert "was asked for more often than recorded" in told


def test_without_a_cassette_nothing_is_asked(server: str, project: Project) -> None:
    project.reach(server)
    code, told = project.run("-k", "whole")
    assert "is not recorded: there is no cassette test_whole.yaml yet" in told
    assert (code, Server.asked) == (1, 0)
    assert not project.cassettes.exists()


SOCKETS = """
import socket, pytest

@pytest.mark.ragkit_cassette
@pytest.mark.enable_socket
def test_shut():
    with socket.socket() as plug, pytest.raises(RuntimeError, match="Network is disabled for host '127.0.0.1'"):
        plug.connect(("127.0.0.1", PORT))

@pytest.mark.ragkit_cassette("named", allowed_hosts="127.0.0.1")
@pytest.mark.enable_socket
def test_open():
    with socket.socket() as plug:
        plug.connect(("127.0.0.1", PORT))
"""


def test_the_network_is_shut_for_everything_else_too(server: str, project: Project) -> None:
    port = server.split(":")[2].split("/")[0]
    _, told = project.run("--allowed-hosts=.*", suite=SOCKETS.replace("PORT", port))
    assert "2 passed" in told


def test_a_test_that_fails_while_recording_leaves_the_old_cassette(server: str, project: Project) -> None:
    project.reach(server)
    project.run(*RECORD, "-k", "whole")
    before = (project.cassettes / "test_whole.yaml").read_bytes()
    code, told = project.run(*RECORD, "-k", "whole", suite=SUITE.replace("total_tokens == 3", "total_tokens == 4"))
    assert code == 1
    assert "ragkit recorded" not in told
    assert (project.cassettes / "test_whole.yaml").read_bytes() == before


def test_what_looks_secret_is_not_written(server: str, project: Project) -> None:
    project.reach(server)
    project.run(*RECORD, "-k", "whole")
    before = (project.cassettes / "test_whole.yaml").read_bytes()
    leaking = SUITE.replace('"Hello", temperature', '"h7Fq2LxV9zTb4RkW8sNy3Dm6", temperature')
    code, told = project.run(*RECORD, "-k", "whole", suite=leaking)
    assert code == 1
    assert "test_whole.yaml was not written, as it would hold what looks like a secret" in told
    assert "random string: h7Fq… (24 characters)" in told
    assert (project.cassettes / "test_whole.yaml").read_bytes() == before


def test_what_looks_secret_and_is_allowed_is_written(server: str, project: Project) -> None:
    project.reach(server)
    leaking = SUITE.replace('"Hello"', '"h7Fq2LxV9zTb4RkW8sNy3Dm6"').replace("You said: Hello", 'You said: "')
    leaking = leaking.replace('== "You said: ""', '!= ""')
    code, told = project.run(*RECORD, "-k", "whole", "-o", "ragkit_allow=h7Fq[A-Za-z0-9]{20}", suite=leaking)
    assert code == 0, told
    assert "h7Fq2LxV9zTb4RkW8sNy3Dm6" in (project.cassettes / "test_whole.yaml").read_text(encoding="utf-8")
    _, told = project.run("-k", "whole", "-o", "ragkit_allow=(", suite=leaking)
    assert "ragkit_allow: missing ), unterminated subpattern at position 0: give regular expressions" in told


NAMES = """
import pytest
from test_it import ask

class TestOne:
    class TestInner:
        @pytest.mark.ragkit_cassette
        def test_said(self):
            assert ask("one").choices[0].message.content == "You said: one"

class TestTwo:
    class TestInner:
        @pytest.mark.ragkit_cassette
        def test_said(self):
            assert ask("two").choices[0].message.content == "You said: two"

@pytest.mark.ragkit_cassette("shared")
@pytest.mark.parametrize("word", ["three", "four"])
def test_shared(word):
    assert ask(word).choices[0].message.content == f"You said: {word}"

@pytest.mark.parametrize("word", ["five", "six"])
@pytest.mark.ragkit_cassette("shared")
def test_shared_generations(word, ragkit_generations):
    from ragkit.testing import ScriptedChatModel

    model = ragkit_generations(lambda: ScriptedChatModel([word]), card={"model": "small"})
    assert model.invoke(word).text == word
"""


def test_every_test_finds_its_own_exchanges_where_names_are_alike_or_shared(server: str, project: Project) -> None:
    project.reach(server)
    (project.folder / "test_names.py").write_text(NAMES, encoding="utf-8")
    options = ("-k", "names", "--import-mode=prepend")
    for _ in range(2):  # recording again takes the place of what was recorded
        code, told = project.run(*RECORD, *options)
        assert code == 0, told
    assert Server.asked == 8
    folder = project.folder / "cassettes" / "test_names"
    names = sorted(file.name for file in folder.iterdir())
    assert names == [
        "TestOne.TestInner.test_said.yaml",
        "TestTwo.TestInner.test_said.yaml",
        "shared.jsonl",
        "shared.yaml",
    ]
    assert len(yaml.safe_load((folder / "shared.yaml").read_text(encoding="utf-8"))["interactions"]) == 2
    code, told = project.run(*options)
    assert (code, Server.asked) == (0, 8), told
    assert "6 passed" in told


SWALLOWED = """
import asyncio, openai, os, pytest

@pytest.mark.ragkit_cassette
async def test_swallowed():
    async with openai.AsyncOpenAI(api_key=os.environ["TEST_KEY"], base_url="http://127.0.0.1:9") as client:
        await asyncio.gather(client.models.list(), return_exceptions=True)

@pytest.mark.ragkit_cassette
@pytest.mark.xfail
async def test_told_once():
    async with openai.AsyncOpenAI(api_key=os.environ["TEST_KEY"], base_url="http://127.0.0.1:9") as client:
        await client.models.list()
"""


def test_a_request_that_is_not_recorded_is_told_though_the_test_swallowed_it(project: Project) -> None:
    code, told = project.run(suite=SWALLOWED)
    assert code == 1
    assert "1 passed, 1 xfailed, 1 error" in told
    assert "GET http://127.0.0.1:9/models is not recorded: there is no cassette test_swallowed.yaml yet" in told


@pytest.mark.parametrize("content", [b"a: [", b"", b"- 1", b"version: 1", b"\xff"])
def test_a_cassette_that_cannot_be_read_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    told = r"^x\.yaml cannot be read \(.*\): restore it, or record anew\.$"
    with pytest.raises(CassetteError, match=told), played(tmp_path / "x.yaml", mode="none", options=vcr_config()):
        pass
    with played(tmp_path / "x.yaml", mode="rewrite", options=vcr_config()) as cassette:
        assert not cassette.dirty


WRONG = """
import pytest

@pytest.mark.ragkit_cassette(file="x")
def test_wrong():
    pass
"""


def test_wrong_use_of_the_marker_is_told_in_a_sentence(project: Project) -> None:
    _, told = project.run(suite=WRONG)
    assert "ragkit_cassette takes a name and allowed_hosts, and nothing else." in told
    assert "Traceback" not in told
    assert "During handling" not in told


PYTEST_RECORDING = """
import pytest
from ragkit.testing import register, vcr_config as safe

@pytest.fixture
def vcr_config():
    return safe()

def pytest_recording_configure(config, vcr):
    register(vcr)
"""


def test_those_who_run_pytest_recording_are_not_disturbed_and_can_take_our_parts(server: str, project: Project) -> None:
    project.reach(server)
    suite = SUITE.replace("pytest.mark.ragkit_cassette", "pytest.mark.vcr")
    record = ("--record-mode=rewrite", "--force-enable-socket", "-k", "whole")
    assert "1 passed" in project.run(*record, suite=suite)[1]
    file = project.cassettes / "test_whole.yaml"
    assert KEY in file.read_text(encoding="utf-8")
    (project.folder / "conftest.py").write_text(PYTEST_RECORDING, encoding="utf-8")
    code, told = project.run(*record, suite=suite)
    assert code == 0, told
    text = file.read_text(encoding="utf-8")
    assert KEY not in text
    assert text.startswith("# Replayed by pytest")
    assert "1 passed" in project.run("-k", "whole", suite=suite)[1]


GENERATIONS = """
import pytest
from ragkit.testing import ScriptedChatModel

def test_model(ragkit_generations):
    model = ragkit_generations(lambda: ScriptedChatModel(["one two"]), card={"model": "small"})
    assert [chunk.text for chunk in model.stream("Hello")][:2] == ["one", " two"]
"""


def test_generations_of_a_local_model_are_recorded_beside_the_cassettes(project: Project) -> None:
    code, told = project.run("--ragkit-record", suite=GENERATIONS)
    assert "1 passed" in told, told
    assert (project.cassettes / "test_model.jsonl").exists()
    assert "1 passed" in project.run(suite=GENERATIONS.replace('["one two"]', "[]"))[1]
    code, told = project.run(suite=GENERATIONS.replace('"Hello"', '"Bye"'))
    assert code == 1
    assert 'messages[0].content: "Hello" was recorded, it is "Bye" now' in told
    assert "1 passed" in project.run("--record-mode=once", suite=GENERATIONS.replace('["one two"]', "[]"))[1]
    assert "one model per test" in project.run(suite=GENERATIONS + "    ragkit_generations(None)\n")[1]


def test_a_command_that_finds_no_test_fails(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other plugins take longer to load than all the rest.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("-p", "ragkit.testing.plugin", "-p", "pytest_recording.plugin", "-p", "no:cacheprovider")
    (tmp_path / "test_it.py").write_text("def test_it(): pass", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    assert main(["record", "-q", *plugins, f"--rootdir={tmp_path}", str(tmp_path)]) == 1
    assert "1 deselected" in capfd.readouterr().out
