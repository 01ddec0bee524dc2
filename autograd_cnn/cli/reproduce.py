"""`reproduce`: train a published system as its author did, then by our recipe."""

from __future__ import annotations

import argparse

from autograd_cnn import data
from autograd_cnn.cli import options
from autograd_cnn.output.text import did_you_mean, meant


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "reproduce",
        help="train a published system as its author did, then by our recipe",
        description="Train a published system as its author did, then by our recipe. A table of both is printed, and "
        "goes into a folder with pictures and the figures.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which system; --list names them")
    parser.add_argument("--list", action="store_true", help="print the systems' names, one a line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the images, two epochs at most")
    options.add_data(parser, "mnist")
    parser.add_argument(
        "--seed", type=options.whole_number, default=0, metavar="N", help="seed of every random draw (default: 0)"
    )
    options.add_out(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """List the systems, or reproduce one and print its table."""
    from autograd_cnn.experiments.reproductions import FILES, REPRODUCTIONS, Study
    from autograd_cnn.training.errors import RunError
    from autograd_cnn.training.run_folder import claim_folder

    if given.list:
        print("\n".join(REPRODUCTIONS))
        return
    name = meant(given.name or "", REPRODUCTIONS)
    if name not in REPRODUCTIONS:
        wrong = f"there is no system {name!r}" if name else "no name was given"
        raise RunError(f"{wrong}: expected one of {', '.join(REPRODUCTIONS)}{did_you_mean(name, REPRODUCTIONS)}")
    folder = given.out or options.new_folder(f"reproduce-{name}")
    claim_folder(folder, FILES)
    train, test = (data.load(given.data, split, size=(28, 28), channels=1) for split in data.SPLITS)
    system = REPRODUCTIONS[name]
    print(f"{name}: {system.TITLE}\n")
    study = Study(name, folder, train, test, given.quick, given.seed, data.canonical(given.data))
    if not study.comparable:
        print("a quick try: published figures are of all of MNIST, and left out\n")
    system.run(study)
    print(f"\n{study.save()}\n\nfigures and pictures are in {folder}")
