"""A server on loopback that answers as its script says, also badly: for tests of what talks to a model's server.

    with LoopbackServer([chat_reply("Hello."), Answer(status=503), stream_reply(["Hel", "lo"], cut=True)]) as server:
        model = OpenAIChatModel(model="any", base_url=server.url)

It is a real HTTP/1.1 server on a thread of its own: what is read, waited for and closed on the other side is real too.
`openai_replies.py` writes answers in OpenAI's form. Where pytest-socket blocks sockets, take `socket_enabled`.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, TypeAlias

__all__ = ["Answer", "Asked", "LoopbackServer", "Piece", "Script"]

Piece: TypeAlias = bytes | str | float
"""A part of a body, or a pause in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """`content-type` is JSON where it is not given."""
    body: Any = b""
    """Bytes or text as they are; anything else as JSON. Sent with its length."""
    pieces: Sequence[Piece] | None = None
    """The body in chunks, each sent at once, with pauses; `body` is not used then."""
    cut: bool = False
    """Whether the connection is reset after the last piece, so that the body has no end."""
    quiet_end: bool = False
    """Whether the body has neither a length nor an end of its own: closing the connection ends it, as HTTP/1.0 did."""
    endless: bool = False
    """Whether the pieces are sent again and again until the client leaves."""
    delay_s: float = 0.0
    """Pause before the first byte of the answer."""
    header_pause_s: float = 0.0
    """Pause before each byte of the headers."""
    hang_up: bool = False
    """Whether the connection is closed without an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Script: TypeAlias = Iterable[Answer] | Callable[[Asked], Answer]


class LoopbackServer:
    """Answers requests in the order of its script, or as a function of the request says.

    Attributes:
        requests: What was asked so far, in order.
        connections: How many connections were opened so far.
        left: How many clients went away before their answer was over.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        """Take the answers; it serves within `with`. A request beyond the script is answered 400 and says so.

        Args:
            script: Answers, or a function that gives one.
            tls: Makes it speak https; None for http.
        """
        self.requests: list[Asked] = []
        self.connections = 0
        self.left = 0
        self._answers = script if callable(script) else iter(list(script))
        self._changed = Condition()
        self._closing = Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Its address up to `/v1`."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, count: int = 1, *, timeout_s: float = 10.0) -> list[Asked]:
        """Wait until `count` requests came, which a client that gave up may not have seen noted; those that did."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.requests) >= count, timeout_s)
            return list(self.requests)

    def wait_until_left(self, count: int = 1, *, timeout_s: float = 10.0) -> bool:
        """Wait until `count` clients went away; whether they did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.left >= count, timeout_s)

    @property
    def closing(self) -> bool:
        """Whether the server is shutting down."""
        return self._closing.is_set()

    def answer_to(self, asked: Asked) -> Answer:
        """Note a request and give its answer."""
        over = f"the script of the LoopbackServer is over: {asked.method} {asked.path} has no answer."
        with self._changed:
            self.requests.append(asked)
            self._changed.notify_all()
            if not callable(self._answers):
                return next(self._answers, None) or Answer(status=400, body={"error": {"message": over}})
        return self._answers(asked)

    def note_connection(self) -> None:
        """Count a connection."""
        with self._changed:
            self.connections += 1

    def note_left(self) -> None:
        """Count a client that went away."""
        with self._changed:
            self.left += 1
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], owner: LoopbackServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that resets its connection is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.owner.note_connection()

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.owner.answer_to(Asked(self.command, self.path, headers, body))
        try:
            self._send(answer)
        except OSError:
            self.close_connection = True
            self.server.owner.note_left()

    def _send(self, answer: Answer) -> None:
        self._pause(answer.delay_s)
        if answer.hang_up:
            self._reset()
            return
        body = None if answer.pieces is not None else _as_bytes(answer.body)
        self._send_headers(answer, body)
        if body is not None:
            self.wfile.write(body)
            return
        pieces = answer.pieces or ()
        for piece in cycle(pieces) if answer.endless else pieces:
            self._send_piece(piece, chunked=not answer.quiet_end)
        if answer.cut:
            self._reset()
        elif answer.quiet_end:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _send_headers(self, answer: Answer, body: bytes | None) -> None:
        headers = {"content-type": "application/json", **{name.lower(): text for name, text in answer.headers.items()}}
        if body is not None:
            headers["content-length"] = str(len(body))
        else:
            headers |= {"connection": "close"} if answer.quiet_end else {"transfer-encoding": "chunked"}
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        raw = "\r\n".join(lines).encode("latin-1")
        for part in [raw] if not answer.header_pause_s else [raw[i : i + 1] for i in range(len(raw))]:
            self._pause(answer.header_pause_s)
            self.wfile.write(part)

    def _send_piece(self, piece: Piece, *, chunked: bool) -> None:
        if isinstance(piece, float | int):
            self._pause(piece)
            return
        data = _as_bytes(piece)
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        self._pause(0.0)

    def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the client does: a connection that was closed meanwhile raises."""
        waited = 0.0
        while True:
            step = min(0.02, seconds - waited) if seconds > waited else 0.0
            if self.server.owner.closing or self._left_within(step):
                raise ConnectionResetError("the client went away")
            waited += step or seconds
            if waited >= seconds:
                return

    def _left_within(self, seconds: float) -> bool:
        """Whether the client went away; under TLS only writing would show it."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if isinstance(self.connection, ssl.SSLSocket):
            return False
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _reset(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def _as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
