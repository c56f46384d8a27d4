"""What pytest sees of the cassettes: the marker and fixture `ragkit_cassette`, and `--ragkit-record`.

Loaded in every run of pytest where ragkit is installed: imports pytest alone until a test asks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ragkit.testing.cassettes.playing import PlayedCassette
    from ragkit.testing.generations import RecordedChatModel

__all__ = [
    "RECORD_OPTION",
    "add_options",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "ragkit_cassette",
    "ragkit_cassette_dir",
    "ragkit_generations",
    "ragkit_vcr_config",
    "record_hint",
    "record_mode",
]

RECORD_OPTION = "--ragkit-record"
_MARKER = "ragkit_cassette"
_FIXTURES = frozenset({"ragkit_cassette", "ragkit_generations"})
_ALLOW_INI = "ragkit_allow"
_FAILED = pytest.StashKey[bool]()
_RAISED = pytest.StashKey[bool]()
_WRITTEN = pytest.StashKey[list[Path]]()


def add_options(parser: pytest.Parser) -> None:
    """Add the option that records, and the setting for what looks like a secret and is none."""
    parser.getgroup("ragkit").addoption(
        RECORD_OPTION,
        action="store_true",
        help="Record anew, with the network open, what the chosen tests replay; leave out tests that replay nothing.",
    )
    parser.addini(
        _ALLOW_INI,
        "Regular expressions of what may stand in recordings though it looks like a secret.",
        type="linelist",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(name=None, allowed_hosts=()): replay the test's HTTP exchanges from its cassette, with the network "
        "shut but for these hosts (regular expressions).",
    )
    config.stash[_WRITTEN] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose what is recorded when recording, and let it reach the network."""
    if not config.getoption(RECORD_OPTION):
        return
    recorded = [item for item in items if _records(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in recorded])
    items[:] = recorded
    if config.pluginmanager.has_plugin("socket"):  # pytest-socket, which may have been told to shut it
        for item in items:
            item.add_marker("enable_socket")


def _records(item: pytest.Item) -> bool:
    return item.get_closest_marker(_MARKER) is not None or bool(_FIXTURES & set(getattr(item, "fixturenames", ())))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed: what it recorded until then is not kept."""
    report = yield
    item.stash[_RAISED] = item.stash.get(_RAISED, False) or call.excinfo is not None
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which files were written."""
    written = config.stash[_WRITTEN]
    for file in dict.fromkeys(written):
        terminalreporter.write_line(f"ragkit recorded {file}")


def record_mode(config: pytest.Config) -> str:
    """Give the mode asked for: ours, else that of pytest-recording, else to replay only."""
    if config.getoption(RECORD_OPTION):
        return "rewrite"
    return config.getoption("--record-mode", default=None) or "none"


def record_hint(item: pytest.Item) -> str:
    """Give the command that records a test anew."""
    return f"python -m ragkit.testing.cassettes record {shlex.quote(item.nodeid)}"


@pytest.fixture
def ragkit_cassette_dir(request: pytest.FixtureRequest) -> Path:
    """Folder of the cassettes of a module: `cassettes/<module>` beside it. Override it to keep them elsewhere."""
    return Path(request.path.parent, "cassettes", request.path.stem)


@pytest.fixture
def ragkit_vcr_config() -> dict[str, Any]:
    """Options of vcrpy for cassettes. Override it with `ragkit.testing.vcr_config(...)` to add to what is scrubbed."""
    from ragkit.testing.cassettes.config import vcr_config

    return vcr_config()


@pytest.fixture
def ragkit_cassette(
    request: pytest.FixtureRequest, ragkit_cassette_dir: Path, ragkit_vcr_config: dict[str, Any]
) -> Iterator[PlayedCassette]:
    """Replay the HTTP exchanges of this test with the network shut; `--ragkit-record` records them.

    The value is vcrpy's cassette: `all_played`, `play_count`, `requests`, `responses`.
    """
    from ragkit.testing.cassettes.names import file_stem
    from ragkit.testing.cassettes.playing import played

    if request.config.pluginmanager.has_plugin("recording"):
        request.getfixturevalue("block_network")  # pytest-recording's, which would otherwise replace what shuts ours
    name, hosts = _wanted(request)
    file = ragkit_cassette_dir / f"{file_stem(name)}.yaml"
    written, stash = request.config.stash[_WRITTEN], request.node.stash
    mode = record_mode(request.config)
    if mode == "rewrite" and file in written:
        mode = "all"  # another test's, which names the same cassette: what it recorded stays
    with (
        _told_plainly(),
        played(
            file,
            mode=mode,
            options=ragkit_vcr_config,
            allowed_hosts=hosts,
            allow=_allowed(request.config),
            hint=record_hint(request.node),
        ) as cassette,
    ):
        yield cassette
        if stash.get(_FAILED, False):
            cassette.dirty = False
        recorded = cassette.dirty
    if recorded:
        written.append(file)
    if cassette.missing is not None and not stash.get(_RAISED, False):
        pytest.fail(cassette.missing, pytrace=False)  # a thread or a `gather` kept the failure to itself


@pytest.fixture
def ragkit_generations(
    request: pytest.FixtureRequest, ragkit_cassette_dir: Path, tmp_path: Path
) -> Iterator[Callable[..., RecordedChatModel]]:
    """Give a chat model that replays what a local model said in this test; `--ragkit-record` asks the model again.

        model = ragkit_generations(lambda: LocalChatModel(model="..."))

    The function that makes the model is called when recording only. Keyword `card`: see `RecordedChatModel`.
    """
    from ragkit.testing.cassettes.config import write_checked
    from ragkit.testing.cassettes.names import file_stem
    from ragkit.testing.generations import RecordedChatModel

    name, _ = _wanted(request)
    file = ragkit_cassette_dir / f"{file_stem(name)}.jsonl"
    mode = record_mode(request.config)
    recording = mode in {"rewrite", "all"} or (mode != "none" and not file.exists())
    beside = tmp_path / file.name
    models: list[RecordedChatModel] = []

    def recorded(make: Callable[[], BaseChatModel], *, card: Mapping[str, Any] | None = None) -> RecordedChatModel:
        if models:
            pytest.fail("ragkit_generations records one model per test: use the one it gave.", pytrace=False)
        hint = record_hint(request.node)
        if recording:
            models.append(RecordedChatModel(path=beside, inner=make(), card=card, mode="record", hint=hint))
        else:
            models.append(RecordedChatModel(path=file, card=card, hint=hint))
        return models[0]

    yield recorded
    for model in models:
        model.close()
    if recording and beside.exists() and not request.node.stash.get(_FAILED, False):
        written = request.config.stash[_WRITTEN]
        before = file.read_text(encoding="utf-8") if file in written else ""
        with _told_plainly():
            write_checked(file, before + beside.read_text(encoding="utf-8"), allow=_allowed(request.config))
        written.append(file)


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Fail with an error's sentence alone: where it came from says nothing to who wrote the test."""
    from ragkit.errors import RagkitError

    try:
        yield
    except RagkitError as error:
        raise _failure(str(error)) from None


def _failure(told: str) -> BaseException:
    return pytest.fail.Exception(told, pytrace=False)


def _allowed(config: pytest.Config) -> list[re.Pattern[str]]:
    try:
        return [re.compile(pattern) for pattern in config.getini(_ALLOW_INI)]
    except re.error as error:
        raise _failure(f"{_ALLOW_INI}: {error}: give regular expressions, one a line.") from None


def _wanted(request: pytest.FixtureRequest) -> tuple[str, tuple[str, ...]]:
    def read(name: str | None = None, *, allowed_hosts: Sequence[str] = ()) -> tuple[str | None, tuple[str, ...]]:
        return name, (allowed_hosts,) if isinstance(allowed_hosts, str) else tuple(allowed_hosts)

    marker = request.node.get_closest_marker(_MARKER)
    try:
        name, hosts = read(*marker.args, **marker.kwargs) if marker is not None else read()
    except TypeError:
        raise _failure(f"{_MARKER} takes a name and allowed_hosts, and nothing else.") from None
    classes = [node.name for node in request.node.listchain() if isinstance(node, pytest.Class)]
    return name or ".".join([*classes, request.node.name]), hosts


@pytest.fixture(autouse=True)
def _ragkit_cassette_of_marker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker(_MARKER) is not None:
        request.getfixturevalue("ragkit_cassette")
