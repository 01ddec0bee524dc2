"""`data`: fetch and export data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograd_cnn import data
from autograd_cnn.cli import options
from autograd_cnn.output.text import shown


def add_parser(commands: options.Commands) -> None:
    """Add the command, its two verbs and their options."""
    parser = commands.add_parser("data", help="fetch and export data sets", description="Fetch and export data sets.")
    parser.set_defaults(run=lambda _: parser.print_help())
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    _add_fetch(verbs)
    _add_export(verbs)


def _add_fetch(verbs: options.Commands) -> None:
    parser = verbs.add_parser(
        "fetch",
        help="download a data set, if it is not on disk",
        description="Download a data set's files, if they are not on disk, and print where they are.",
    )
    parser.add_argument("name", metavar="NAME", help=options.one_of(data.PUBLISHED))
    parser.set_defaults(run=fetch)


def _add_export(verbs: options.Commands) -> None:
    parser = verbs.add_parser(
        "export-png",
        help="write a data set as PNG files",
        description="Write a data set as PNG files, 8 bits a channel, under DIR/train and DIR/test. Layout 'folders', "
        "with a folder for each class, is what --data folder:DIR reads; files are named idx-N-label-L.png.",
    )
    parser.add_argument("name", metavar="NAME", help=options.one_of(data.NAMES))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the images")
    parser.add_argument("--split", choices=(*data.SPLITS, "both"), default="both", help="which part (default: both)")
    parser.add_argument(
        "--layout", choices=("folders", "files"), default="folders",
        help="a folder for each class, or labels in file names (default: folders)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=options.positive, metavar="N",
        help="at most N images of each split, from every class in turn (default: all)",
    )  # fmt: skip
    parser.set_defaults(run=export)


def fetch(given: argparse.Namespace) -> None:
    """Download a data set's files if missing, and print where they are."""
    paths = data.fetch(given.name)
    print("\n".join(map(shown, paths)) or f"{given.name} is part of the package")


def export(given: argparse.Namespace) -> None:
    """Write a data set as PNG files."""
    from autograd_cnn.data import folders, image_folders, labelled_files
    from autograd_cnn.training.progress import bar

    write = folders.write_folder if given.layout == "folders" else labelled_files.write_labelled_files
    splits = data.SPLITS if given.split == "both" else (given.split,)
    for split in splits:
        image_folders.check_absent(given.out / split)
    datasets = {split: data.load(given.name, split) for split in splits}
    for split, dataset in datasets.items():
        indices = image_folders.take_evenly(dataset.labels, given.limit or len(dataset)).tolist()
        with bar(indices, desc=split, unit="image") as moving:
            write(given.out / split, dataset, moving)
        print(shown(f"{len(indices)} images are in {given.out / split}"))
