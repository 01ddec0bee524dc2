"""What goes wrong in training, told in one line."""

from __future__ import annotations


class TrainingError(Exception):
    """Training cannot go on; the message says why and what to try."""


class RunError(Exception):
    """A run cannot start or go on; the message says why and what to do."""
