"""The cassettes as a user has them: pytest runs a small suite of its own, against a real server on loopback."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
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
from ragkit.testing.cassettes.__main__ import main

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
    threading.Thread(target=listening.serve_forever, daemon=True).start()
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
RECORD = ("--ragkit-record", "--allowed-hosts=.*")


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

@pytest.mark.ragkit_cassette("named", allowed_hosts=["127.0.0.1"])
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


def test_one_command_records(server: str, project: Project) -> None:
    project.reach(server)
    (project.folder / "test_it.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "ragkit.testing.cassettes", "record", "-k", "whole"]
    ran = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "ragkit recorded" in ran.stdout
    assert Server.asked == 2


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


def test_a_command_that_finds_no_test_fails(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    assert main(["record", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]) == 1
    assert "1 deselected" in capfd.readouterr().out
