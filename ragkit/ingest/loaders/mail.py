"""A message (.eml): its text under its subject; sender, receivers, date and the names of attachments are metadata."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode, is_for_text
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

__all__ = ["load_mail"]

_HEADERS = {"From": "from", "To": "to", "Cc": "cc", "Message-ID": "message_id"}
_MAX_PARTS = 1000
_MAX_BOUNDARIES = 200  # each is looked for in every line below it
_MAX_VALUE = 1000
_BOUNDARY = re.compile(rb"boundary\s*\*?(?:0\*?)?=", re.IGNORECASE)
# The standard library's parser promises to take anything, and has slips on headers that nobody writes.
_SLIPS: tuple[type[Exception], ...] = (ArithmeticError, AssertionError, AttributeError, LookupError, MessageError)
_SLIPS += (RecursionError, TypeError, ValueError)


def load_mail(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a message: its plain text, else its HTML; attachments are named, not read.

    Raises:
        LoadError: If it is no message, nests absurdly, or holds no text.
    """
    if len(_BOUNDARY.findall(data)) > _MAX_BOUNDARIES:
        raise LoadError(file.source, f"nests more than {_MAX_BOUNDARIES} parts in one another: not read")
    try:
        message = message_from_bytes(data, policy=policy.compat32)
        parts = _parts(message)
        about, title = _about(message, parts), _header(message, "Subject")
        texts = _texts(parts, file)
    except _SLIPS as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(file.source, "is no mail message, or is damaged") from error
    if not message.keys():
        raise LoadError(file.source, "is no mail message: it has no headers")
    text, markdown = next(((text, kind == "html") for kind, text in texts.items() if text.strip()), ("", False))
    if not text.strip():
        raise LoadError(file.source, "the message holds no text" + (" but attachments" if len(parts) > 1 else ""))
    return LoadedDocument(
        doc_id=file.name, text=text, source=file.source, title=title, metadata=about, markdown=markdown
    )


def _parts(message: Message) -> list[Message]:
    """Give the parts that are no containers, in order; a message within the message is one part."""
    found: list[Message] = []
    waiting: list[Message] = [message]
    while waiting and len(found) < _MAX_PARTS:
        part = waiting.pop()
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            waiting += reversed(cast("list[Message]", part.get_payload()))
        else:
            found.append(part)
    return found


def _about(message: Message, parts: list[Message]) -> dict[str, Any]:
    about: dict[str, Any] = {}
    for header, name in _HEADERS.items():
        if value := _header(message, header):
            about[name] = value
    if date := _date(message):
        about["date"] = date
    if names := [_file_name(part) or part.get_content_type() for part in parts if _is_attached(part)]:
        about["attachments"] = names
    return about


def _header(message: Message, name: str) -> str:
    raw = str(message.get(name, ""))[: _MAX_VALUE * 10]
    try:
        words = [
            word.decode(_codec(charset), "replace") if isinstance(word, bytes) else word
            for word, charset in decode_header(raw)
        ]
    except (MessageError, ValueError):  # an encoded word that is not what it says: shown as it is written
        words = [raw]
    return normalise(" ".join("".join(words).split())[:_MAX_VALUE])


def _codec(charset: str | None) -> str:
    """Give a codec by its name; UTF-8 where none, or none for text, is named."""
    return charset if charset and is_for_text(charset) else "utf-8"


def _date(message: Message) -> str:
    try:
        return parsedate_to_datetime(str(message.get("Date", ""))[:_MAX_VALUE]).isoformat()
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return ""


def _is_attached(part: Message) -> bool:
    kind = part.get_content_type()
    return "attachment" in str(part.get("Content-Disposition", ""))[:100].lower() or kind not in (
        "text/plain",
        "text/html",
    )


def _file_name(part: Message) -> str:
    name = part.get_filename()
    return normalise(" ".join(str(name).split())[:_MAX_VALUE]) if name else ""


def _texts(parts: list[Message], file: SourceFile) -> dict[str, str]:
    """Give the plain text and, where there is none, the HTML, as Markdown."""
    shown = [part for part in parts if not _is_attached(part)]
    plain = "\n\n".join(_decoded(part, file) for part in shown if part.get_content_type() == "text/plain")
    if plain.strip():
        return {"plain": plain.strip("\n")}
    return {"html": "\n\n".join(filter(None, _pages(shown, file)))}


def _pages(shown: list[Message], file: SourceFile) -> Iterator[str]:
    from ragkit.ingest.loaders.html import load_html  # trafilatura takes 0.2 s to import: only where it is needed

    for part in shown:
        if part.get_content_type() == "text/html" and (page := _decoded(part, file)).strip():
            try:
                yield load_html(file, page.encode()).text
            except LoadError:  # a page of nothing but pictures: another part may hold the text
                continue


def _decoded(part: Message, file: SourceFile) -> str:
    charset = _codec(part.get_content_charset())
    part.del_param("charset")  # else the parser decodes by it on its own, whatever it is
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return normalise(data.decode(charset))
    except ValueError:
        return normalise(decode(data, path=file.source))
