"""`predict`: classify image files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import image_arguments, options
from autograd_cnn.output.text import shown

if TYPE_CHECKING:
    from autograd_cnn.training.saved_models import SavedModel

#: The most images that --show draws: nobody could look at thousands.
MOST_SHOWN = 60
THUMBNAIL = (160, 160)

#: A class and its probability, for each of the most probable ones.
Answer = list[tuple[str, float]]


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="classify image files",
        description="Print a line for each image: the file, its class, and the probability. A model trained on digits "
        "or mnist reads a photograph or a drawing of one digit, in any ink on any paper. Other models see the whole "
        "image; where their training images were light on dark, dark on light is inverted, and vice versa.",
        epilog="A file that cannot be read is reported on standard error, the others are answered, and the exit status "
        "is 2.",
    )
    options.add_weights(parser)
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE",
        help="image files, folders of them, patterns such as 'scans/*.png', or - for an image on standard input",
    )  # fmt: skip
    parser.add_argument(
        "--files-from",
        metavar="FILE",
        help="classify the files that this text file lists, one a line; - is standard input",
    )
    parser.add_argument(
        "--top-k", type=options.positive, default=1, metavar="N", help="name the N most probable classes (default: 1)"
    )
    parser.add_argument("--format", choices=list(_WRITERS), default="text", help="output format (default: text)")
    parser.add_argument(
        "--split", action="store_true", help="read several digits in a picture one by one, from left to right"
    )
    parser.add_argument(
        "--show", type=Path, metavar="FILE",
        help=f"draw a PNG file of the first {MOST_SHOWN} images, each beside what the model saw of it",
    )  # fmt: skip
    options.add_max_pixels(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print a line for each image, and return the exit status: 2 if one could not be read."""
    from autograd_cnn import plotting
    from autograd_cnn.data import DataError
    from autograd_cnn.data.images import read_image
    from autograd_cnn.training import model_loading

    _check(given)
    saved = model_loading.load_model(given.weights, given.model)
    write = _WRITERS[given.format](min(given.top_k, len(saved.class_names)))
    status = 0
    drawn: list[tuple[Any, Any, str]] = []
    for file in image_arguments.image_files(given.images, given.files_from):
        try:
            if isinstance(file, DataError):
                raise file
            with image_arguments.on_disk(file) as path:
                seen = saved.read_images([path], split=given.split)
                thumbnail = read_image(path, 3, THUMBNAIL) if given.show and len(drawn) < MOST_SHOWN else None
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            status = options.FAILURE
            continue
        for image, answer in zip(seen, _answers(saved, seen), strict=True):
            write(file, answer[: given.top_k])
            if thumbnail is not None:
                drawn.append((thumbnail, image, "{} {:.0%}".format(*answer[0])))
    if given.show:
        plotting.save(plotting.seen_images(drawn[:MOST_SHOWN]), given.show)
    return status


def _check(given: argparse.Namespace) -> None:
    from autograd_cnn.training.errors import RunError

    if not given.images and given.files_from is None:
        raise RunError("there is no image to classify; give files, folders or patterns, or a list with --files-from")
    if given.images.count(image_arguments.STDIN) + (given.files_from == image_arguments.STDIN) > 1:
        raise RunError("standard input was given more than once; it can be read only once")
    if given.show and not given.show.absolute().parent.is_dir():
        raise RunError(f"--show {given.show} cannot be written: {given.show.parent} is not a folder; make it first")


def _answers(saved: SavedModel, images: Any) -> list[Answer]:
    """Return all classes for each image, the most probable first."""
    _, probabilities = saved.predict(images)
    order = (-probabilities).argsort(axis=1, kind="stable")
    return [
        [(saved.class_names[label], float(row[label])) for label in ranked]
        for ranked, row in zip(order.tolist(), probabilities, strict=True)
    ]


def _text(_: int) -> Callable[[str, Answer], None]:
    def write(file: str, answer: Answer) -> None:
        print(shown(f"{file} {' '.join(f'{label} {probability:.4f}' for label, probability in answer)}"))

    return write


def _csv(classes: int) -> Callable[[str, Answer], None]:
    """Quote names as in RFC 4180. Control characters are escaped on a terminal, and kept in a file."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    numbers = ["", *(f"_{k}" for k in range(2, classes + 1))]
    rows.writerow(["file", *(f"{column}{k}" for k in numbers for column in ("label", "probability"))])
    name = shown if sys.stdout.isatty() else str

    def write(file: str, answer: Answer) -> None:
        cells = [cell for label, probability in answer for cell in (name(label), f"{probability:.4f}")]
        rows.writerow([name(file), *cells])

    return write


def _jsonl(_: int) -> Callable[[str, Answer], None]:
    def write(file: str, answer: Answer) -> None:
        top = [{"label": label, "probability": round(probability, 6)} for label, probability in answer]
        print(json.dumps({"file": file, **top[0], "top": top}))

    return write


#: For each --format, a function that takes the number of classes to name and returns one that prints an image's answer.
_WRITERS: dict[str, Callable[[int], Callable[[str, Answer], None]]] = {"text": _text, "csv": _csv, "jsonl": _jsonl}
