"""The server of the page: which function answers which request.

Starlette and uvicorn come with the extra `play`, and are imported when a server is made.
"""

from __future__ import annotations

import errno
import functools
import importlib
import itertools
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from autograd_cnn.data import DataError
from autograd_cnn.play import answers, computation, imagining, wire
from autograd_cnn.play.errors import PlayError, UnreadError
from autograd_cnn.play.guard import Guard
from autograd_cnn.play.learning import Pupil
from autograd_cnn.training.errors import RunError

if TYPE_CHECKING:
    import uvicorn
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"

#: The files of the page, the only ones that are served, and their types.
PAGE = {
    "index.html": "text/html",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "main.js": "text/javascript",
    "pad.js": "text/javascript",
    "pictures.js": "text/javascript",
    "requests.js": "text/javascript",
    "graph.js": "text/javascript",
}

#: Errors that are reported to the page in a sentence; any other is a bug here.
SAID = (PlayError, DataError, RunError)

Asked = Mapping[str, Any]


class Answers:
    """What the page may ask about a pupil: a function of the request's JSON for each name.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> from autograd_cnn.training import SavedModel
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> Answers(Pupil(net)).model({})["parameters"]
    238510
    """

    def __init__(self, pupil: Pupil) -> None:
        self.pupil = pupil
        self._examples = itertools.count()

    def model(self, _: Asked) -> dict[str, Any]:
        """Say what the network is."""
        model = self.pupil.model
        return {
            "name": model.name,
            "parameters": sum(p.size for p in model.params.values()),
            "classes": model.class_names,
            "shape": model.input_shape,
            "data": model.data and Path(model.data.removeprefix("folder:")).name,
            "reads_digits": bool(model.reading),
            "lessons": self.pupil.lessons,
        }

    def picture(self, content: bytes) -> dict[str, Any]:
        """Answer to a picture, an image file's content; or say why it is `unread`, as half a digit may be."""
        model = self.pupil.model
        try:
            return answers.answer(model, wire.read_picture(model, content))
        except UnreadError as error:
            return {"unread": str(error)}

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Answer to pixels."""
        return answers.answer(self.pupil.model, self._pixels(asked))

    def example(self, _: Asked) -> dict[str, Any]:
        """Answer to one of the reminder images, the next at each call, and say what it is."""
        reminders = self.pupil.reminders
        if reminders is None:
            raise PlayError("the images that the network was trained on are not here")
        number = next(self._examples) % len(reminders)
        found = answers.answer(self.pupil.model, reminders.images[number])
        return {**found, "truth": int(reminders.labels[number])}

    def saliency(self, asked: Asked) -> dict[str, Any]:
        """Say how the score of a class changes with each pixel."""
        return imagining.saliency(self.pupil.model, self._pixels(asked), wire.whole_number(asked, "target"))

    def computation(self, asked: Asked) -> dict[str, Any]:
        """Show the graph of the computation."""
        return computation.computation(self.pupil.model, self._pixels(asked), wire.whole_number(asked, "target"))

    def nudge(self, asked: Asked) -> Iterator[dict[str, Any]]:
        """Change the pixels until the network reads a class."""
        return imagining.nudge(self.pupil.model, self._pixels(asked), wire.whole_number(asked, "target"))

    def dream(self, asked: Asked) -> Iterator[dict[str, Any]]:
        """Go from noise to what the network thinks a class is."""
        return imagining.dream(self.pupil.model, wire.whole_number(asked, "target"), wire.whole_number(asked, "seed"))

    def learn(self, asked: Asked) -> Iterator[dict[str, Any]]:
        """Take a lesson."""
        return self.pupil.learn(self._pixels(asked), wire.whole_number(asked, "target"))

    def undo(self, _: Asked) -> dict[str, Any]:
        """Undo a lesson."""
        return {"lessons": self.pupil.undo()}

    def weights(self) -> bytes:
        """Return the weights as a safetensors file's content."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "weights.safetensors")
            self.pupil.model.save(path)
            return path.read_bytes()

    def _pixels(self, asked: Asked) -> Any:
        return wire.pixels_of(asked, self.pupil.model)


#: Requests with JSON, by the name in the address: those with a single answer, and those with one after the other.
SINGLE = ("answer", "example", "saliency", "computation", "undo")
STREAMED = ("nudge", "dream", "learn")


def make_app(pupil: Pupil, port: int) -> Guard:
    """Return the ASGI application of the page, for a pupil, served at a port.

    Raises
    ------
    PlayError
        If Starlette is not installed.
    """
    require_server()
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    found = Answers(pupil)
    page = resources.files("autograd_cnn.play") / "page"
    routes = []
    for name, kind in PAGE.items():
        file = functools.partial(_file, content=(page / name).read_bytes(), kind=kind)
        routes.append(Route("/" if name == "index.html" else f"/{name}", file))

    async def model(_: Request) -> Response:
        return Response(wire.encode(found.model({})), media_type="application/json")

    async def picture(request: Request) -> Response:
        return await _single(found.picture, await request.body())

    async def weights(_: Request) -> Response:
        headers = {"content-disposition": 'attachment; filename="weights.safetensors"'}
        return Response(found.weights(), media_type="application/octet-stream", headers=headers)

    routes += [
        Route("/api/model", model),
        Route("/api/picture", picture, methods=["POST"]),
        Route("/weights.safetensors", weights),
    ]
    for name in SINGLE:
        routes.append(Route(f"/api/{name}", _asking(getattr(found, name), _single), methods=["POST"]))
    for name in STREAMED:
        routes.append(Route(f"/api/{name}", _asking(getattr(found, name), _streamed), methods=["POST"]))
    return Guard(Starlette(routes=routes), port)


async def _file(_: Request, *, content: bytes, kind: str) -> Response:
    from starlette.responses import Response

    return Response(content, media_type=kind)


def _asking(function: Callable[[Asked], Any], answering: Callable[..., Any]) -> Callable[[Request], Any]:
    """Return a handler of requests whose body is the JSON that a function takes."""

    async def handle(request: Request) -> Response:
        content = await request.body()
        response: Response = await answering(lambda: function(wire.read_json(content)))
        return response

    return handle


async def _single(function: Callable[..., dict[str, Any]], *arguments: Any) -> Response:
    """Return a function's answer, computed in a separate thread."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response

    try:
        content = await run_in_threadpool(lambda: wire.encode(function(*arguments)))
    except SAID as error:
        return Response(wire.encode({"error": str(error)}), 400, media_type="application/json")
    return Response(content, media_type="application/json")


async def _streamed(function: Callable[[], Iterator[dict[str, Any]]]) -> Response:
    """Stream what a function yields, one line of JSON each; an error after the first is a line too."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response, StreamingResponse

    try:
        steps = await run_in_threadpool(function)
        first = await run_in_threadpool(next, steps)
    except SAID as error:
        return Response(wire.encode({"error": str(error)}), 400, media_type="application/json")
    return StreamingResponse(_lines(first, steps), media_type="application/x-ndjson")


def _lines(first: dict[str, Any], steps: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for step in itertools.chain([first], steps):
            yield wire.encode(step)
    except SAID as error:
        yield wire.encode({"error": str(error)})


def require_server() -> None:
    """Raise a PlayError if the packages that serve the page are not installed."""
    try:
        importlib.import_module("starlette")
        importlib.import_module("uvicorn")
    except ImportError as error:
        raise PlayError(
            'the page takes Starlette and uvicorn, which are not installed: pip install "autograd-cnn[play]"'
        ) from error


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1, at a port, or with 0 at one that is free.

    Raises
    ------
    PlayError
        If the port is taken, or may not be used.
    """
    # If the protocol is given, asyncio sends at once (TCP_NODELAY); else each answer waits 40 ms for an
    # acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let another program have the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PlayError(f"--port {port} is in use by another program; give another, or 0 for any") from error
        raise PlayError(f"--port {port} cannot be used ({error.strerror}); give another, or 0 for any") from error
    return listening


def make_server(pupil: Pupil, listening: socket.socket) -> uvicorn.Server:
    """Return the server of the page at a socket's port; its `run(sockets=[listening])` serves until it is stopped."""
    require_server()
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """End, without logging the answers that this cuts short."""
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            super().handle_exit(sig, frame)

    port = listening.getsockname()[1]
    config = uvicorn.Config(
        make_app(pupil, port), log_level="warning", access_log=False, server_header=False, ws="none", lifespan="off",
        loop="asyncio", http="h11", limit_concurrency=64, timeout_graceful_shutdown=1,
    )  # fmt: skip
    return Server(config)
