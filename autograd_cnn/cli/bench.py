"""`bench`: time training steps, inference and single ops."""

from __future__ import annotations

import argparse

from autograd_cnn.cli import options


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "bench",
        help="time training steps, inference and single ops",
        description="Time training steps, inference and single ops, compared with PyTorch if it is installed. The "
        "figures go into a folder too, with pictures. The scripts under benchmarks/ in the repository measure more.",
    )
    parser.add_argument("--quick", action="store_true", help="small cases and few rounds, to see that it runs")
    parser.add_argument("--threads", type=options.positive, default=1, metavar="N", help="threads (default: 1)")
    options.add_out(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the tables, and write the folder."""
    from threadpoolctl import threadpool_limits

    from autograd_cnn.experiments import comparison
    from autograd_cnn.training.run_folder import claim_folder

    folder = given.out or options.new_folder("bench")
    claim_folder(folder, comparison.FILES)
    with threadpool_limits(given.threads, user_api="blas"):
        comparison.run(folder, threads=given.threads, quick=given.quick)
    print(f"\nfigures and pictures are in {folder}")
