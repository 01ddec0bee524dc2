"""The command line: `python -m autograd_cnn`, also installed as `autograd-cnn`."""

from autograd_cnn.cli.commands import main

__all__ = ["main"]
