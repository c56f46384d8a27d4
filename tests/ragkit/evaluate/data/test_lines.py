from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.evaluate.data.lines import file_in, find_file, numbered_lines, open_bytes, tab_rows


def tar(*members: tuple[str, bytes], mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.tsv", bytes),
        ("a.tsv.gz", gzip.compress),
        ("a.tsv.bz2", bz2.compress),
        ("a.tsv.xz", lzma.compress),
        ("named_wrongly.tsv", gzip.compress),
        ("a.tar.gz", lambda content: tar(("a.tsv", content))),
        ("a.tgz", lambda content: tar(("a.tsv", content))),
        ("a.tar", lambda content: tar(("a.tsv", content), mode="w")),
    ],
)
def test_plain_and_packed_files_give_the_same_lines(
    write: Callable[..., Path], name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = write(name, pack("1\tä\n\n2\tb".encode()))
    assert list(numbered_lines(path)) == [(1, "1\tä"), (2, ""), (3, "2\tb")]


def test_mark_and_carriage_returns_are_no_part_of_a_line(write: Callable[..., Path]) -> None:
    path = write("a.tsv", b"\xef\xbb\xbf1\ta\r\n2\tb\r\n")
    assert list(numbered_lines(path)) == [(1, "1\ta"), (2, "2\tb")]


def test_only_line_feeds_end_a_line(write: Callable[..., Path]) -> None:
    path = write("a.tsv", "1\ta\u2028b\x85c\rd\x0be\n2\tf\n")
    assert list(numbered_lines(path)) == [(1, "1\ta\u2028b\x85c\rd\x0be"), (2, "2\tf")]


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8), max_size=8)
)
@settings(max_examples=50, deadline=None)
def test_what_was_written_line_by_line_is_read_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes("".join(line + "\n" for line in lines).encode())
    read = [line for _, line in numbered_lines(path)]
    assert read == [line.removeprefix("\ufeff") if at == 0 else line for at, line in enumerate(lines)]


def test_a_line_that_is_not_utf8_is_named(write: Callable[..., Path]) -> None:
    path = write("a.tsv", b"1\tgood\n2\tna\xefve\n")
    with pytest.raises(LoadError, match=r"a\.tsv:2: is not UTF-8 \(byte 5 of the line is 0xef\): convert the file\."):
        list(numbered_lines(path))


def test_a_file_that_breaks_off_is_named_with_its_last_good_line(write: Callable[..., Path]) -> None:
    whole = gzip.compress(b"".join(b"%d\ttext\n" % number for number in range(5000)))
    path = write("a.tsv.gz", whole[: len(whole) // 2])
    with pytest.raises(LoadError, match=r"a\.tsv\.gz:\d+: the file breaks off or is damaged after this line"):
        list(numbered_lines(path))


def test_a_damaged_file_is_named(write: Callable[..., Path]) -> None:
    whole = bytearray(gzip.compress(bytes(range(256)) * 400))
    whole[200:260] = bytes(60)
    with pytest.raises(LoadError, match="is damaged after this line"):
        list(numbered_lines(write("a.tsv.gz", bytes(whole))))


def test_a_missing_file_a_folder_and_an_unknown_packing_are_told_apart(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(LoadError, match=r"no\.tsv: there is no such file"):
        list(numbered_lines(tmp_path / "no.tsv"))
    with pytest.raises(LoadError, match="this is a folder, not a file"):
        list(numbered_lines(tmp_path))
    with pytest.raises(LoadError, match=r"is packed with zstd.*`zstd -d`"):
        list(numbered_lines(write("a.tsv.zst", b"\x28\xb5\x2f\xfd....")))


def test_an_archive_of_several_files_must_be_unpacked(write: Callable[..., Path]) -> None:
    path = write("a.tar.gz", tar(("collection.tsv", b"0\ta\n"), ("queries.tsv", b"1\tb\n")))
    with pytest.raises(LoadError, match=re.escape("holds several files (collection.tsv, queries.tsv): unpack it")):
        list(numbered_lines(path))


def test_an_archive_without_a_file_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(LoadError, match="is an archive without a file in it"):
        list(numbered_lines(write("a.tar.gz", tar())))
    with pytest.raises(LoadError, match=r"b\.tar: breaks off or is damaged"):
        list(numbered_lines(write("b.tar", b"no archive" * 100)))


def test_a_name_without_ending_is_a_plain_file(write: Callable[..., Path]) -> None:
    with open_bytes(write("plain", b"x")) as file:
        assert file.read() == b"x"


def test_tabs_behind_the_last_column_belong_to_it(write: Callable[..., Path]) -> None:
    path = write("a.tsv", "7\tone\ttwo\tthree\n\n8\t\n")
    assert list(tab_rows(path, ("id", "text"))) == [(1, ["7", "one\ttwo\tthree"]), (3, ["8", ""])]


def test_a_line_with_too_few_columns_is_named(write: Callable[..., Path]) -> None:
    path = write("a.tsv", "7\ttext\n8 no tab\n")
    expected = r"a\.tsv:2: expected 2 columns divided by tabs \(id, text\), found 1: '8 no tab'\."
    with pytest.raises(LoadError, match=expected):
        list(tab_rows(path, ("id", "text")))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.evaluate.data.lines._LONGEST_LINE", 10)
    with pytest.raises(LoadError, match=r"a\.tsv:2: is longer than 256 MiB: is this a text file"):
        list(numbered_lines(write("a.tsv", "short\n" + "x" * 30)))


def test_the_first_name_that_is_there_is_found(write: Callable[..., Path], tmp_path: Path) -> None:
    packed = write("b.tsv.gz", gzip.compress(b""))
    assert find_file(tmp_path, "a.tsv", "b.tsv") == packed
    assert find_file(tmp_path, "c.tsv") is None
    assert file_in(packed, "whatever") == packed
    with pytest.raises(LoadError, match=r"has no c\.tsv or d\.tsv \(plain, \.gz, \.bz2 or \.xz\)"):
        file_in(tmp_path, "c.tsv", "d.tsv")
