"""Errors in training, with messages of one line."""

from __future__ import annotations

from autograd_cnn.output.text import ShownError


class TrainingError(ShownError):
    """Training cannot go on; the message says why and what to try."""


class RunError(ShownError):
    """A run cannot start or go on; the message says why and what to do."""
