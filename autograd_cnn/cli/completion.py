"""`--print-completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add --print-completion."""
    parser.add_argument(
        "--print-completion", choices=SHELLS, action=_PrintCompletion,
        help="print a script that completes commands and options in this shell (needs the package shtab)",
    )  # fmt: skip


class _PrintCompletion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, option: str | None = None) -> None:
        try:
            import shtab
        except ImportError:
            parser.error(f'{option} needs the package shtab: pip install "autograd-cnn[completion]"')
        print(shtab.complete(parser, shell))
        parser.exit()
