from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.archive import Archive

Source = Callable[..., SourceFile]
Pack = Callable[[Mapping[str, str | bytes]], bytes]


def test_members_are_unpacked_by_name(source: Source, pack: Pack) -> None:
    archive = Archive(source("a.docx"), pack({"a": "text"}), kind=".docx")
    assert ("a" in archive, "b" in archive) == (True, False)
    assert archive.read("a") == b"text"


def test_a_bomb_is_not_unpacked(source: Source, pack: Pack) -> None:
    archive = Archive(source("a.docx"), pack({"a": b"\0" * 40_000_000}), kind=".docx")
    with pytest.raises(LoadError, match=r"unpacks to more than any \.docx file of its size should"):
        archive.read("a")


def test_a_member_that_says_it_is_small_is_measured(source: Source, pack: Pack) -> None:
    data = bytearray(pack({"a": b"ab" * 10_000_000}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    with pytest.raises(LoadError, match="'a' cannot be unpacked"):
        Archive(source("a.docx"), bytes(data), kind=".docx").read("a")


def test_all_members_together_are_bounded(source: Source, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.ingest.loaders.archive._MAX_BYTES", 1500)
    archive = Archive(source("a.epub"), pack({"a": "x" * 1000, "b": "y" * 1000}), kind=".epub")
    archive.read("a")
    with pytest.raises(LoadError, match="unpacks to more"):
        archive.read("b")


def test_too_many_members_are_refused(source: Source, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.ingest.loaders.archive._MAX_MEMBERS", 3)
    with pytest.raises(LoadError, match="holds 4 members; at most 3 are read"):
        Archive(source("a.docx"), pack(dict.fromkeys("abcd", "")), kind=".docx")


def test_an_encrypted_member_is_refused(source: Source, pack: Pack) -> None:
    data = bytearray(pack({"a": "x"}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(LoadError, match=r"is protected by a password: save it as \.docx without"):
        Archive(source("a.docx"), bytes(data), kind=".docx").read("a")


def test_an_unknown_compression_is_refused(source: Source, pack: Pack) -> None:
    data = bytearray(pack({"a": "x"}))
    data[data.rindex(b"PK\x01\x02") + 10] = 77
    with pytest.raises(LoadError, match="'a' cannot be unpacked"):
        Archive(source("a.docx"), bytes(data), kind=".docx").read("a")


def test_damage_within_a_member_is_refused(source: Source, pack: Pack) -> None:
    data = bytearray(pack({"a": "some text " * 50}))
    data[40] ^= 0xFF
    with pytest.raises(LoadError, match="'a' cannot be unpacked"):
        Archive(source("a.docx"), bytes(data), kind=".docx").read("a")


def test_the_names_of_members_never_reach_the_disk(source: Source, pack: Pack) -> None:
    archive = Archive(source("a.docx"), pack({"../../etc/x": "y"}), kind=".docx")
    assert archive.read("../../etc/x") == b"y"
