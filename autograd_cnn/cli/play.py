"""`play`: serve a page on which a network reads what is drawn."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from autograd_cnn.cli import options, train
from autograd_cnn.output.text import shown

if TYPE_CHECKING:
    from autograd_cnn.training import SavedModel

PORT = 8128


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "play",
        help="draw on a page, and watch a network read it",
        description="Serve a page to this machine alone: draw a digit, and see what the network reads, why, and how "
        "to change its mind. It needs the extra play. Ctrl-C ends it.",
    )
    options.add_weights(parser, "a new lenet5, or --model, trained on digits first, as train does")
    parser.add_argument(
        "--port", type=port, default=PORT, metavar="N", help=f"port of the page; 0 for any free one (default: {PORT})"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.set_defaults(run=run)


def port(text: str) -> int:
    """Read the number of a port."""
    number = options.whole_number(text)
    if number >= 2**16:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {2**16 - 1}, got {text!r}")
    return number


def run(given: argparse.Namespace) -> None:
    """Print the address, make sure that there is a model, and serve the page until it is stopped."""
    from autograd_cnn.play import server
    from autograd_cnn.play.learning import Pupil
    from autograd_cnn.training import load_model

    server.require_server()
    saved = load_model(given.weights, given.model) if given.weights else None
    with server.listen(given.port) as listening:
        url = f"http://{server.HOST}:{listening.getsockname()[1]}/"
        print(url, flush=True)
        page = server.make_server(Pupil(saved or learn(given.model or "lenet5")), listening)
        print("open it in a browser on this machine; Ctrl-C ends it", flush=True)
        if not given.no_browser:
            # The socket listens already: the browser waits until the server takes its request.
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
        page.run(sockets=[listening])


def learn(model: str) -> SavedModel:
    """Train a model as `train` does by default, and return it."""
    from autograd_cnn.training.run_folder import hold
    from autograd_cnn.training.runs import Run
    from autograd_cnn.training.settings import Settings

    settings = Settings.resolve(model=model)
    folder = options.new_folder(f"{settings.data}-{Path(model).stem}")
    with hold(folder):
        run = Run.start(settings, folder)
        print(
            shown(f"first, {model} learns {settings.data}, as with train; --weights takes a network that has learned")
        )
        train.train_with_bar(run)
    print(shown(f"next time: autograd-cnn play --weights {folder}"), flush=True)
    return run.saved_model()
