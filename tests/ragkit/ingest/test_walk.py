from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragkit.errors import InputError
from ragkit.ingest.walk import Selection, walk


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def names(root: Path, **options: object) -> list[str]:
    return walk(root, Selection(suffixes=(".txt", ".md"), **options)).names  # type: ignore[arg-type]


def test_files_come_sorted_with_posix_names(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/z.txt", "a/b/c.md", "B.txt")
    assert names(tmp_path) == ["B.txt", "a/b/c.md", "a/z.txt", "b.txt"]


def test_other_suffixes_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "a.py", "README", "B.TXT")
    assert names(tmp_path) == ["B.TXT", "a.txt"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, ".a.txt", ".git/b.txt", "c/.d/e.txt", "f.txt")
    assert names(tmp_path) == ["f.txt"]


def test_a_hidden_root_is_walked(tmp_path: Path) -> None:
    make(tmp_path, ".docs/a.txt")
    assert names(tmp_path / ".docs") == ["a.txt"]


def test_gitignore_is_honoured(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "build/b.txt", "draft-1.md", "keep/draft-2.md")
    (tmp_path / ".gitignore").write_text("# a comment\nbuild/\n/draft-*.md\n")
    assert names(tmp_path) == ["a.txt", "keep/draft-2.md"]


def test_a_deeper_gitignore_decides_over_a_higher_one(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "in/a.md", "in/b.md", "in/deep/c.md")
    (tmp_path / ".gitignore").write_text("*.md\n")
    (tmp_path / "in" / ".gitignore").write_text("!*.md\ndeep/\n")
    assert names(tmp_path) == ["in/a.md", "in/b.md"]


def test_a_gitignore_pattern_is_relative_to_its_folder(tmp_path: Path) -> None:
    make(tmp_path, "x.md", "in/x.md", "in/deep/x.md")
    (tmp_path / "in" / ".gitignore").write_text("/x.md\n")
    assert names(tmp_path) == ["in/deep/x.md", "x.md"]


def test_include_narrows_and_exclude_takes_away(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "guides/b.md", "guides/old/c.md", "d.txt")
    assert names(tmp_path, include=["*.md"], exclude=["old/"]) == ["a.md", "guides/b.md"]
    assert names(tmp_path, include=["guides/**"]) == ["guides/b.md", "guides/old/c.md"]


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Selection(include=["!"])


def test_a_skipped_folder_is_never_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "store/b.txt")
    assert names(tmp_path, skip=[tmp_path / "store", tmp_path / "missing"]) == ["a.txt"]


def test_links_that_loop_end(tmp_path: Path) -> None:
    make(tmp_path, "a/b.txt")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    assert names(tmp_path) == ["a/b.txt"]


def test_a_folder_is_found_by_its_own_name_not_by_a_link(tmp_path: Path) -> None:
    make(tmp_path, "z/b.txt")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    assert names(tmp_path) == ["z/b.txt"]


def test_links_to_outside_are_followed(tmp_path: Path) -> None:
    make(tmp_path, "out/b.txt", "root/a.txt")
    (tmp_path / "root" / "more").symlink_to(tmp_path / "out")
    (tmp_path / "root" / "c.txt").symlink_to(tmp_path / "out" / "b.txt")
    assert names(tmp_path / "root") == ["a.txt", "c.txt", "more/b.txt"]


def test_a_link_to_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    found = walk(tmp_path, Selection(suffixes=(".txt",)))
    assert [(failure.path, failure.reason) for failure in found.failures] == [("gone.txt", "is a link to nothing")]


def test_pipes_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert walk(tmp_path, Selection()) == ([], [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "closed/b.txt")
    (tmp_path / "closed").chmod(0)
    found = walk(tmp_path, Selection())
    (tmp_path / "closed").chmod(0o700)
    assert found.names == ["a.txt"]
    assert found.failures[0].path == "closed/"


def test_a_name_that_is_no_unicode_is_reported(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system refuses such names")
    found = walk(tmp_path, Selection())
    assert found.names == []
    assert [(failure.path, failure.reason) for failure in found.failures] == [
        ("a?.txt", "its name is not valid UTF-8: rename it")
    ]


def test_a_missing_root_is_the_callers_problem(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        walk(tmp_path / "none", Selection())


def test_a_gitignore_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    (tmp_path / ".gitignore").write_text("!\n")
    found = walk(tmp_path, Selection())
    assert found.names == ["a.txt"]
    assert found.failures[0].path == ".gitignore"
    assert "pattern that cannot be read" in found.failures[0].reason


def test_a_gitignore_of_absurd_size_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    (tmp_path / ".gitignore").write_text("#" * 1_000_001)
    assert "larger than" in walk(tmp_path, Selection()).failures[0].reason
