"""Protect the page's server: who may send requests, how large they may be, and what a browser may do with the page.

The server listens on 127.0.0.1 alone, but any page in the user's browser can send requests there. A page of another
site is recognised by its `Origin`; one whose name was made to resolve to 127.0.0.1 (DNS rebinding) by the `Host` it
asks for.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The largest request: a photograph from a telephone.
MOST_BYTES = 16 * 2**20

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """An ASGI application that passes requests from its own page on to another application.

    Parameters
    ----------
    app : ASGI application
    port : int
        Where the page is served.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        names = ("127.0.0.1", "localhost")
        self._hosts = {f"{name}:{port}" for name in names} | ({*names} if port == 80 else set())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        protected = _with_headers(send)
        status, why = self._refusal(scope)
        if status:
            await _say(protected, status, why)
            return
        body = await _body(receive)
        if body is None:
            await _say(protected, 413, _TOO_LARGE)
            return
        await self._app(scope, _replayed(body, receive), protected)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        """Return the status and the message with which to refuse a request; status 0 if it is allowed."""
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 403, "this server answers to 127.0.0.1 and localhost alone"
        own = len(origins) == 1 and origins[0].lower() in self._origins
        if not own and (origins or scope["method"] not in ("GET", "HEAD")):
            return 403, "only the page that this server serves may ask it"
        length = headers.get(b"content-length", ["0"])[0]
        if length.isdecimal() and int(length) > MOST_BYTES:
            return 413, _TOO_LARGE
        return 0, ""


_TOO_LARGE = f"the request is too large: expected at most {MOST_BYTES // 2**20} MiB"


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, or None if it is too large, whatever length it declares."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first gives the body that was received, in one piece."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the headers of every answer."""
    added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return protected


async def _say(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
