"""Files that nobody should have written: each is indexed sensibly or gives one reason, and the rest goes in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragkit.ingest.sync import sync
from ragkit.store.collection import Collection

if TYPE_CHECKING:
    from ragkit.ingest.report import SyncReport

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LAUGHS = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
SECRET = '<!DOCTYPE x [<!ENTITY s SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "good.txt").write_text("All is well.")
    return tmp_path / "docs"


@pytest.fixture
def store(tmp_path: Path, embeddings: Any) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", embeddings) as collection:
        yield collection


def packed(**members: str | bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def word(xml: str | bytes) -> bytes:
    return packed(**{"word/document.xml": xml})


def reasons(report: SyncReport) -> dict[str, str]:
    found = {failure.path.removeprefix("docs/"): failure.reason for failure in report.failed}
    assert len(found) == len(report.failed), "one entry per file"
    return found


def texts(store: Collection) -> dict[str, str]:
    return {document.doc_id: store.text(document.doc_id) for document in store.documents()}


FAILING: dict[str, tuple[bytes, str]] = {
    "empty.txt": (b"", "holds no text"),
    "blank.md": (b" \n\t\n", "holds no text"),
    "binary.md": (b"\x7fELF\x02\0\0\0" * 99, "NUL bytes"),
    "binary.py": (bytes(range(256)) * 40, "NUL bytes"),
    "picture.txt": (b"\x89PNG\r\n" + bytes(range(128, 256)) * 99 + b"\x01\x02\x03" * 999, "no text encoding"),
    "broken.pdf": (b"%PDF-1.7\nnothing", "is no PDF, or is damaged"),
    "broken.docx": (b"PK\x03\x04nothing", "is no .docx file"),
    "broken.epub": (packed(a="b"), "lacks 'META-INF/container.xml'"),
    "broken.json": (b'{"a": ', "is not valid JSON"),
    "text.pdf": (b"Just text.", "is no PDF"),
    "bomb.docx": (word(b"<a>" + b" " * 50_000_000), "unpacks to more"),
    "bomb.epub": (packed(**{"META-INF/container.xml": b" " * 50_000_000}), "unpacks to more"),
    "laughs.docx": (word(f"<!DOCTYPE x [{LAUGHS}]><w:document {WORD}><w:t>&l9;</w:t></w:document>"), "XML entities"),
    "secret.docx": (word(f"{SECRET}<w:document {WORD}><w:p><w:t>&s;</w:t></w:p></w:document>"), "XML entities"),
    "deep.docx": (word("<a>" * 100_000), "nests too deep"),
    "deep.json": (b'{"a":[' * 100_000, "nests too deep"),
    "deep.eml": (b'Content-Type: multipart/mixed; boundary="a"\n\n--a\n' * 5000, "nests more than 200"),
    "locked.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "protected by a password"),
    "front.md": (b"---\na: &x [*x]\nb: !!python/object:os.system {}\n---\ntext", "not valid YAML"),
}
INDEXED: dict[str, bytes] = {
    "latin.txt": "Le café était fermé à cause de l'été.".encode("cp1252"),
    "wide.txt": "Wörter".encode("utf-16"),
    "damaged.txt": "Schöne Grüße aus Köln, überall Fußgänger — ".encode() * 9 + b"\xff",
    "name\nwith a line.txt": b"Two lines in a name.",
    "surrogate.json": b'{"a": "\\ud800 lone"}',
    "deep.html": b"<div>" * 50_000 + b"<p>Down here.",
    "deep.md": b"> " * 20_000 + b"quoted",
    "deep.rst": b"".join(b" " * depth + b"- x\n\n" for depth in range(0, 1000, 2)),
    "deep.py": b"(" * 50_000 + b"\n" + b"".join(b" " * depth + b"def f():\n" for depth in range(300)),
    "secret.xhtml": f"{SECRET}<html><body><p>before &s; after</p></body></html>".encode(),
    "laughs.xml": f"<!DOCTYPE x [{LAUGHS}]><x>&l9;</x>".encode(),
    "token.txt": b"x" * 300_000,
    "script.svg.html": b"<p>seen</p><script>" + b"while(1);" * 9999 + b"</script>",
    "python2.py": b"print 'old'\nexec code in x\n",
}


@pytest.mark.usefixtures("hang_guard")
def test_every_hostile_file_gives_one_reason_and_the_rest_goes_in(
    docs: Path, store: Collection, make_pdf: Callable[..., bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    for name, (data, _) in FAILING.items():
        (docs / name).write_bytes(data)
    (docs / "locked.pdf").write_bytes(make_pdf([[("Hello", 700)]], encrypted=True))
    for name, data in INDEXED.items():
        (docs / name).write_bytes(data)
    report = sync(store, None, ["docs"])
    found = reasons(report)
    assert set(found) == {*FAILING, "locked.pdf"}
    for name, (_, reason) in FAILING.items():
        assert reason in found[name], name
        assert "\n" not in found[name]
    assert "encrypted" in found["locked.pdf"]
    assert set(texts(store)) == {"good.txt", *INDEXED}
    assert "root:" not in json.dumps(texts(store))
    assert capfd.readouterr() == ("", "")
    again = sync(store, None, ["docs"])
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert reasons(again) == found


def test_what_is_no_file_is_never_opened(docs: Path, store: Collection) -> None:
    os.mkfifo(docs / "pipe.txt")
    (docs / "zero.txt").symlink_to("/dev/zero")
    (docs / "loop").symlink_to(docs)
    (docs / "self.txt").symlink_to("self.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("docs/socket.txt")
        report = sync(store, None, ["docs"])
    assert reasons(report) == {"self.txt": "is a link to nothing"}
    assert set(texts(store)) == {"good.txt"}


@pytest.mark.usefixtures("hang_guard")
@pytest.mark.parametrize("name", ["pipe.txt", "pipe.jsonl", "pipe.json", "pipe.csv"])
def test_a_pipe_given_by_name_is_refused(docs: Path, store: Collection, name: str) -> None:
    os.mkfifo(docs / name)
    assert reasons(sync(store, None, [docs / name])) == {str(docs / name): "is not a regular file"}


def test_a_device_given_by_name_is_refused(store: Collection) -> None:
    report = sync(store, None, ["/dev/zero"])
    assert [failure.reason for failure in report.failed] == ["is not a regular file"]


def test_a_file_of_absurd_size_is_refused_without_reading_it(docs: Path, store: Collection) -> None:
    with (docs / "huge.txt").open("wb") as huge:
        huge.truncate(10**12)
    assert reasons(sync(store, None, ["docs"])) == {
        "huge.txt": "is larger than 256 MiB: split it, or write it as JSONL"
    }


def test_a_broken_file_keeps_what_was_known_of_it(docs: Path, store: Collection) -> None:
    (docs / "a.docx").write_bytes(word(f"<w:document {WORD}><w:p><w:r><w:t>Once sound.</w:t></w:r></w:p></w:document>"))
    sync(store, None, ["docs"])
    (docs / "a.docx").write_bytes(b"PK\x03\x04")
    report = sync(store, None, ["docs"])
    assert (report.removed, list(reasons(report))) == (0, ["a.docx"])
    assert texts(store)["a.docx"] == "Once sound."


ONE_LINE = """
import re, sys
from pathlib import Path
from ragkit.encoder import EncoderCard
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.formats import document_loader
from ragkit.ingest.reading import read_whole
from ragkit.text.tokens import estimate_tokens

class Counter:
    card = EncoderCard(model="fake", dim=4, max_tokens=256)
    def count_tokens(self, text):
        assert len(text) < 100_000, "no tokenizer should be given the whole line"
        return 2 + estimate_tokens(text)

def peak():  # not ru_maxrss, which begins with what the parent process held
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024

path = Path(sys.argv[1])
before = peak()
document = document_loader(path.name)(SourceFile(path, "", path.name, path.name), read_whole(path, path.name))
chunks = Cutter(Counter(), ChunkerSettings(chunk_tokens=256)).cut(document)
print(len(document.text), len(chunks), peak() - before)
"""


def one_line(tmp_path: Path, size: int, suffix: str, *, spaces: bool) -> tuple[int, int, int]:
    """Load and cut one line of this size in a process of its own; give its characters, chunks and bytes of memory."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    path = tmp_path / f"line{suffix}"
    path.write_bytes((b"seven!! words of text, a comma " if spaces else b"x") * (size // (31 if spaces else 1)))
    run = subprocess.run([sys.executable, "-c", ONE_LINE, path], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    chars, chunks, memory = map(int, run.stdout.split())
    return chars, chunks, memory


@pytest.mark.parametrize("suffix", [".txt", ".md", ".py"])
def test_one_line_of_8_mb_without_a_space_takes_memory_in_proportion(tmp_path: Path, suffix: str) -> None:
    chars, chunks, memory = one_line(tmp_path, 8_000_000, suffix, spaces=False)
    assert chars == 8_000_000
    assert chunks > 1000
    assert memory < 20 * chars


def test_one_line_of_8_mb_of_words_takes_memory_in_proportion(tmp_path: Path) -> None:
    chars, chunks, memory = one_line(tmp_path, 8_000_000, ".txt", spaces=True)
    assert chunks > 1000
    assert memory < 20 * chars


@pytest.mark.slow
@pytest.mark.parametrize("spaces", [False, True])
def test_one_line_of_200_mb_takes_memory_in_proportion(tmp_path: Path, spaces: bool) -> None:
    chars, chunks, memory = one_line(tmp_path, 200_000_000, ".txt", spaces=spaces)
    assert chunks > 25_000
    assert memory < 15 * chars
