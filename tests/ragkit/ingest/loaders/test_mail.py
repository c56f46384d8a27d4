from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.mail import load_mail

Source = Callable[..., SourceFile]

MAIL = b"""From: =?utf-8?q?Ren=C3=A9e?= <r@x.org>\r
To: a@x.org,\r
 b@x.org\r
Subject: =?iso-8859-1?q?R=FCckgabe?= of goods\r
Date: Tue, 02 Jan 2024 03:04:05 +0100\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="one"\r
\r
--one\r
Content-Type: multipart/alternative; boundary="two"\r
\r
--two\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
Caf=C3=A9 at=\r
 noon.\r
--two\r
Content-Type: text/html\r
\r
<p>other</p>\r
--two--\r
--one\r
Content-Type: text/plain; name="notes.txt"\r
Content-Disposition: attachment; filename="notes.txt"\r
\r
secret\r
--one\r
Content-Type: application/pdf; name="a.pdf"\r
Content-Disposition: attachment; filename*=utf-8''caf%C3%A9.pdf\r
\r
JVBERi0=\r
--one--\r
"""
PICTURES = (
    b'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: image/png\n\nx\n--b\n'
    b"Content-Type: image/png\n\ny\n--b--"
)


def test_plain_text_is_preferred_and_headers_are_metadata(source: Source) -> None:
    document = load_mail(source("a.eml"), MAIL)
    assert document.text == "Café at noon."
    assert (document.title, document.markdown) == ("Rückgabe of goods", False)
    assert document.metadata == {
        "from": "Renée <r@x.org>",
        "to": "a@x.org, b@x.org",
        "date": "2024-01-02T03:04:05+01:00",
        "attachments": ["notes.txt", "café.pdf"],
    }


def test_html_is_read_where_there_is_no_plain_text(source: Source) -> None:
    data = b"Subject: x\nContent-Type: text/html; charset=iso-8859-1\n\n<h1>Caf\xe9</h1><p>Text.</p>"
    document = load_mail(source("a.eml"), data)
    assert (document.text, document.markdown) == ("# Café\n\nText.", True)


def test_the_declared_encoding_goes_before_a_guess(source: Source) -> None:
    data = b"Subject: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n" + "日本語".encode("iso-2022-jp")
    assert load_mail(source("a.eml"), data).text == "日本語"


@pytest.mark.parametrize("charset", ["us-ascii", "nonsense", "unicode_escape", "idna", "zlib"])
def test_a_wrong_encoding_is_passed_over(source: Source, charset: str) -> None:
    data = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\ncafé \\N{{BULLET}}".encode()
    assert load_mail(source("a.eml"), data).text == "café \\N{BULLET}"


def test_a_forwarded_message_is_an_attachment(source: Source) -> None:
    data = (
        b'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nSee below.\n--b\n'
        b"Content-Type: message/rfc822\n\nSubject: inner\n\nInner text.\n--b--\n"
    )
    document = load_mail(source("a.eml"), data)
    assert (document.text, document.metadata) == ("See below.", {"attachments": ["message/rfc822"]})


@pytest.mark.parametrize("date", ["yesterday", "Tue, 99 Jan 2024 99:99:99", "", "1 Jan 99999999999999999999 00:00:00"])
def test_a_date_that_is_none_is_left_out(source: Source, date: str) -> None:
    assert load_mail(source("a.eml"), f"Subject: x\nDate: {date}\n\ntext".encode()).metadata == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no mail message: it has no headers"),
        (b"\n\njust text", "is no mail message: it has no headers"),
        (b"Subject: x\n\n", "the message holds no text$"),
        (PICTURES, "holds no text but attachments"),
    ],
)
def test_what_holds_no_message_is_refused(source: Source, data: bytes, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        load_mail(source("a.eml"), data)


@pytest.mark.usefixtures("hang_guard")
@pytest.mark.parametrize("depth", [150, 100_000])
def test_parts_within_parts_end(source: Source, depth: int) -> None:
    parts = "".join(f'--b{n}\nContent-Type: multipart/mixed; boundary="b{n + 1}"\n\n' for n in range(depth))
    data = f'Subject: x\nContent-Type: multipart/mixed; boundary="b0"\n\n{parts}--b{depth}\n\n' + "text\n" * 10_000
    if depth > 200:
        with pytest.raises(LoadError, match="nests more than 200 parts"):
            load_mail(source("a.eml"), data.encode())
    else:
        assert load_mail(source("a.eml"), data.encode()).text.count("text") == 10_000
