"""Files of every format, broken in every way: a document or one clear reason, and nothing else."""

from __future__ import annotations

import random
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from ragkit.encoder import EncoderCard
from ragkit.errors import LoadError
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.loaders.formats import SUFFIXES, document_loader, row_loader
from ragkit.ingest.metadata import plain_metadata
from ragkit.store.records import index_text
from ragkit.text.tokens import estimate_tokens

_MARKDOWN = (
    "---\ntitle: A\ntags: [x, y]\n---\n# One\n\nText *so* [l](u).\n\n- a\n  - b\n\n"
    "| a | b |\n| - | - |\n| 1 | 2 |\n\n```py\nx\n```\n"
)
_HTML = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>T - Site</title>'
    '<script type="application/ld+json">{"datePublished": "2024-01-02"}</script></head><body>'
    "<nav>menu</nav><h1>T</h1><p>Some <b>text</b> caf\u00e9.<ul>"
    "<li>a<li>b</ul><table><tr><td>1<td>2<tr><td>3<td>4</table><pre>x\n y</pre></body></html>"
)
_RST = (
    "Title\n=====\n\n:Author: me\n\nText |n| :func:`f` [1]_.\n\n.. |n| replace:: N\n\n.. note:: So.\n\n"
    "1. a\n\n   - b\n\n== ==\na  b\n== ==\n1  2\n== ==\n\n.. [1] Note.\n"
)
_PYTHON = (
    '"""Doc."""\nimport os\n\n\n@dec\nclass A:\n    def f(self) -> None:\n        """Doc."""\n        return "x"  # y\n'
)
_JAVA = "package a;\n\n/** Doc. */\npublic class A {\n    int f(int a) {\n        return a; // x\n    }\n}\n"
_MAIL = (
    "From: a <a@x.org>\nSubject: =?utf-8?q?caf=C3=A9?=\nDate: Tue, 02 Jan 2024 03:04:05 +0100\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/html; charset="iso-8859-1"\n'
    "Content-Transfer-Encoding: quoted-printable\n\n<p>caf=E9</p>\n--b\n"
    "Content-Type: text/x; name*0*=utf-8''a;\n name*1=b\n"
    "Content-Transfer-Encoding: base64\nContent-Disposition: attachment\n\nAAAA\n--b--\n"
)
_WORDS = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\x0b", b"```", b"|", b"- ", b"<div>", b"]]>")
_WORDS += (
    b"{",
    b"[[",
    b'"',
    b"'''",
    b"/*",
    b"=?utf-8?b?",
    b"--b\n",
    b".. x::\n",
    b"&#0;",
    b"\n---\n",
    b"&a;",
    b"9" * 40,
)


def card() -> EncoderCard:
    return EncoderCard(model="fake", dim=4, max_tokens=64)


class Counter:
    """Counts as the estimate does: what is cut depends on no model."""

    card = card()

    def count_tokens(self, text: str) -> int:
        return 2 + estimate_tokens(text)


@pytest.fixture
def seeds(make_pdf: Callable[..., bytes], docx: Callable[..., bytes], epub: Callable[..., bytes]) -> dict[str, bytes]:
    """A small sound file of every format."""
    body = (
        '<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r><w:t>One</w:t></w:r></w:p>'
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    rows = '{"_id": "a", "text": "One. Two."}\n{"id": 2, "contents": "x", "m": [1]}\n'
    texts = {
        ".txt": "One sentence. Another one!\n\n- item\n- caf\u00e9\n\n日本語。",
        ".md": _MARKDOWN,
        ".html": _HTML,
        ".rst": _RST,
        ".py": _PYTHON,
        ".java": _JAVA,
        ".yaml": "a:\n  b: 1\n  c:\n    - d\n",
        ".eml": _MAIL,
        ".json": '{"name": "x", "a": [1, {"b": "c"}], "t": "two\\nlines"}',
        ".jsonl": rows,
        ".csv": 'id,text,n\n1,"a, b",2.5\n2,c,x\n',
        ".tex": "\\section{One}\nText.\n% x\n",
    }
    found = {suffix: text.encode() for suffix, text in texts.items()}
    found[".docx"] = docx(body, core="<dc:title>T</dc:title>")
    found[".epub"] = epub({"a.xhtml": "<h1>One</h1><p>x</p>"}, about="<dc:title>T</dc:title>")
    found[".pdf"] = make_pdf([[("One line.", 700), ("Two lines.", 680)], [("Page two.", 700)]], title="T")
    return found


def damaged(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Give `data` after one to four strokes of bad luck."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        stroke = rng.randrange(7)
        if stroke == 0 and data:
            flipped = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            data = bytes(flipped)
        elif stroke == 1:
            data = data[:at]
        elif stroke == 2:
            other = rng.choice(others)
            data = data[:at] + other[rng.randint(0, len(other)) :]
        elif stroke == 3:
            data = data[:at] + data[at:to] * rng.choice((2, 3, 50)) + data[to:]
        elif stroke == 4:
            data = data[:at] + data[to:]
        elif stroke == 5:
            data = data[:at] + rng.choice(_WORDS) * rng.choice((1, 2, 1000)) + data[at:]
        else:
            data = data[:at] + rng.randbytes(rng.randint(1, 40)) + data[at:]
    return data[:100_000]


def damaged_inside(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Give an archive whose container is sound and one of whose members is not."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        victim = rng.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, damaged(content, others, rng) if name == victim else content)
    return out.getvalue()


def fuzzed(seeds: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """Give the name and content of the file of this number, the same in every run."""
    rng = random.Random(number)
    suffix = rng.choice(sorted(seeds))
    others = list(seeds.values())
    inside = suffix in (".docx", ".epub") and rng.random() < 0.8
    data = (damaged_inside if inside else damaged)(seeds[suffix], others, rng)
    return f"{number}{rng.choice(SUFFIXES) if rng.random() < 0.15 else suffix}", data


def loaded(file: SourceFile, data: bytes) -> Iterator[LoadedDocument]:
    if (read_rows := row_loader(file.name)) is not None:
        yield from (item for item in read_rows(file) if not isinstance(item, Failure))
    else:
        yield document_loader(file.name)(file, data)


def check(document: LoadedDocument, cutter: Cutter) -> None:
    """Check all that is promised of a document and its chunks."""
    text = document.text
    text.encode()
    document.title.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]", text)
    assert "\n" not in document.title
    starts = [page.start for page in document.pages]
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(text) for start in starts)
    assert all(page.page >= 1 for page in document.pages)
    plain_metadata(document.metadata, path=document.place)
    at = 0
    for chunk in cutter.cut(document):
        assert 0 <= chunk.start < chunk.end <= len(text)
        assert text[chunk.start : chunk.end].strip()
        assert not text[at : chunk.start].strip()
        assert cutter.count(index_text(text[chunk.start : chunk.end], chunk.context)) <= cutter.settings.chunk_tokens
        at = max(at, chunk.end)
    assert not text[at:].strip()


def check_reason(error: LoadError, name: str) -> None:
    """Check that a reason is one line about this file."""
    assert error.path.startswith(name)
    assert error.reason
    assert "\n" not in error.reason


def push(folder: Path, seeds: dict[str, bytes], numbers: range) -> int:
    """Push the files of these numbers through loaders and cutter; give how many became documents."""

    def stop(*_: object) -> None:
        raise TimeoutError("one small file takes more than 60 s: is the work on it worse than linear?")

    cutter = Cutter(Counter(), ChunkerSettings(chunk_tokens=64))  # type: ignore[arg-type]
    before = signal.signal(signal.SIGALRM, stop)
    good = 0
    try:
        for number in numbers:
            signal.alarm(60)
            name, data = fuzzed(seeds, number)
            path = folder / name
            path.write_bytes(data)
            try:
                for document in loaded(SourceFile(path, str(folder), name, name), data):
                    check(document, cutter)
                    good += 1
            except LoadError as error:
                check_reason(error, name)
            except Exception as error:
                raise AssertionError(f"file {number} ({name}): {type(error).__name__}: {error}") from error
            path.unlink()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return good


def test_500_broken_files_give_documents_or_reasons(
    tmp_path: Path, seeds: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    assert push(tmp_path, seeds, range(500)) > 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_10_000_broken_files_give_documents_or_reasons(
    tmp_path: Path, seeds: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    assert push(tmp_path, seeds, range(500, 10_500)) > 4000
    assert capfd.readouterr() == ("", "")


def test_the_seeds_are_sound(tmp_path: Path, seeds: dict[str, bytes]) -> None:
    cutter = Cutter(Counter(), ChunkerSettings(chunk_tokens=64))  # type: ignore[arg-type]
    for suffix, data in seeds.items():
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        documents = list(loaded(SourceFile(path, str(tmp_path), path.name, path.name), data))
        assert documents, suffix
        for document in documents:
            check(document, cutter)


def test_a_number_always_gives_the_same_file(seeds: dict[str, bytes]) -> None:
    assert fuzzed(seeds, 7) == fuzzed(seeds, 7)
    assert fuzzed(seeds, 7) != fuzzed(seeds, 8)
