"""Small real files made by hand, and an embedding model without weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from ragkit.ingest.document import SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class WordEmbeddings:
    """LangChain-like: each word adds to one of 32 places, so that equal texts get equal vectors."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        return [self._vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vector(text)

    def _vector(self, text: str) -> list[float]:
        vector = [0.01] * 32
        for word in text.lower().split():
            vector[hashlib.sha256(word.encode()).digest()[0] % 32] += 1.0
        return vector


@pytest.fixture
def embeddings() -> WordEmbeddings:
    return WordEmbeddings()


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., SourceFile]:
    """Write bytes or text to a file, and give it as a loader takes it."""

    def write(name: str, content: bytes | str = b"") -> SourceFile:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return SourceFile(path=path, root=str(tmp_path), name=name, source=name, size=path.stat().st_size)

    return write


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    """Write a PDF of pages; each page is a list of lines as (text, height above the page's foot in points)."""
    return _pdf


def _pdf(pages: Sequence[Sequence[tuple[str, float]]], *, title: str | None = None, encrypted: bool = False) -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        shown = "\n".join(f"BT /F1 12 Tf 1 0 0 1 72 {y} Tm ({text}) Tj ET" for text, y in lines)
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>"
            ),
            f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        ]
    trailer = f"/Size {len(objects) + 2} /Root 1 0 R"
    if title is not None:
        objects.append(f"<< /Title ({title}) >>")
        trailer += f" /Info {len(objects)} 0 R"
    if encrypted:
        key = "00" * 32
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >>")
        trailer += f" /Encrypt {len(objects)} 0 R /ID [<{key}> <{key}>]"
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    out += f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out.encode("latin-1")
