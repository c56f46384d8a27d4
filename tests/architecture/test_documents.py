"""The examples of README and handbook print what they say they print."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from ragkit.text.sentences import split_sentences

ROOT = Path(__file__).parents[2]
HANDBOOK = sorted((ROOT / "apps" / "handbook").glob("[0-9]*.md"))
EXAMPLE = re.compile(r"```python\n((?:(?!```).)*)```\s*\n```text\n(.*?)```", re.DOTALL)


def run(code: str, names: dict[str, object]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "example", "exec"), names)  # noqa: S102 - our own examples
    return printed.getvalue()


def test_readme_examples_print_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    names: dict[str, object] = {}
    examples = EXAMPLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(examples) == 7
    for code, output in examples:
        assert run(code, names) == output


@pytest.mark.parametrize("page", HANDBOOK, ids=lambda page: page.stem)
def test_handbook_examples_print_what_they_say(page: Path) -> None:
    examples = EXAMPLE.findall(page.read_text(encoding="utf-8"))
    assert examples
    for code, output in examples:
        assert run(code, {}) == output


def test_the_handbook_has_its_pages() -> None:
    assert len(HANDBOOK) == 28


@pytest.mark.parametrize("page", HANDBOOK, ids=lambda page: page.stem)
def test_every_page_has_front_matter_limits_and_sources(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(r"---\ntitle: .+\npart: .+\ntopics: \[.+\]\n---\n", text)
    assert "\n## Limits\n" in text
    assert "\n## Sources\n" in text


@pytest.mark.parametrize("page", HANDBOOK, ids=lambda page: page.stem)
def test_no_sentence_of_the_handbook_opens_in_lower_case(page: Path) -> None:
    body = page.read_text(encoding="utf-8").split("\n## Sources\n")[0]
    prose = re.sub(r"```.*?```", "", body.split("---\n", 2)[2], flags=re.DOTALL)
    inner = [match for match in re.findall(r"[a-z]{3}[.] ([a-z][\w-]*)", prose) if match not in {"and"}]
    assert inner == []
    assert split_sentences(prose)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*HANDBOOK, ROOT / "apps" / "handbook" / "README.md"]:
        for target in re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} links to {target}"


def test_readme_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (ROOT / "ragkit").glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in readme] == []
