from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ragkit.errors import InputError
from ragkit.ingest.roots import list_files
from ragkit.ingest.walk import Selection

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Selection(suffixes=(".txt",))


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.txt", "in/b.txt", "in/c.py"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "docs"


def listed(*paths: str | Path, **options: object) -> list[tuple[str, str, str]]:
    found = list_files(paths, TEXT, **options)  # type: ignore[arg-type]
    return [(file.root, file.name, file.source) for file in found.files]


def test_names_are_relative_to_the_folder_and_sources_as_given(docs: Path) -> None:
    assert listed("docs") == [(str(docs), "a.txt", "docs/a.txt"), (str(docs), "in/b.txt", "docs/in/b.txt")]
    assert listed(docs)[0] == (str(docs), "a.txt", f"{docs}/a.txt")


def test_a_file_is_its_own_root_whatever_its_suffix(docs: Path) -> None:
    assert listed("docs/in/c.py") == [(str(docs / "in/c.py"), "c.py", "docs/in/c.py")]


def test_a_path_given_twice_counts_once(docs: Path) -> None:
    assert len(listed("docs", "docs/", "docs/../docs")) == 2


@pytest.mark.parametrize("paths", [("docs", "docs/in", "docs/a.txt"), ("docs/a.txt", "docs/in", "docs")])
def test_paths_within_each_other_belong_to_the_outermost(docs: Path, paths: tuple[str, ...]) -> None:
    assert {(root, name) for root, name, _ in listed(*paths)} == {(str(docs), "a.txt"), (str(docs), "in/b.txt")}
    assert len(listed(*paths)) == 2


def test_a_file_below_a_known_root_belongs_to_it(docs: Path) -> None:
    assert listed("docs/in/b.txt", recorded={str(docs)}) == [(str(docs), "in/b.txt", "docs/in/b.txt")]


def test_a_file_below_a_known_inner_root_stays_there(docs: Path) -> None:
    assert {(root, name) for root, name, _ in listed("docs", recorded={str(docs / "in")})} == {
        (str(docs), "a.txt"),
        (str(docs / "in"), "b.txt"),
    }


def test_a_missing_path_is_refused(docs: Path) -> None:
    with pytest.raises(InputError, match=r"docs/none does not exist\."):
        listed("docs", "docs/none")


def test_an_empty_folder_is_refused_with_what_is_expected(docs: Path) -> None:
    (docs / "empty").mkdir()
    with pytest.raises(InputError, match=r"docs/empty holds nothing to index; expected files ending in \.txt"):
        listed("docs/empty")


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_a_missing_or_empty_root_with_documents_removes_nothing(docs: Path, name: str) -> None:
    (docs / "empty").mkdir()
    with pytest.raises(InputError, match="had documents: nothing removed; pass --prune to remove them"):
        listed(f"docs/{name}", recorded={str(docs / name)})
    assert listed(f"docs/{name}", recorded={str(docs / name)}, prune=True) == []


def test_pruning_does_not_excuse_a_path_that_never_was(docs: Path) -> None:
    with pytest.raises(InputError, match="docs/none does not exist"):
        listed("docs/none", prune=True)


def test_no_path_is_refused() -> None:
    with pytest.raises(InputError, match="no path given"):
        listed()


def test_what_cannot_be_looked_at_is_shown_as_given_and_kept(docs: Path) -> None:
    (docs / "in" / "gone.txt").symlink_to("nowhere")
    found = list_files(["docs"], TEXT)
    assert [failure.path for failure in found.failures] == ["docs/in/gone.txt"]
    assert found.untouched == {(str(docs), "in/gone.txt")}


def test_a_link_to_nothing_given_by_name_is_listed_and_fails_when_read(docs: Path) -> None:
    (docs / "gone.txt").symlink_to("nowhere")
    assert listed("docs/gone.txt") == [(str(docs / "gone.txt"), "gone.txt", "docs/gone.txt")]
