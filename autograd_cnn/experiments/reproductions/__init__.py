"""Published systems that read handwritten digits with NumPy: trained as their authors did, then by our recipe.

Each module is one system: `TITLE` says what it is, and `run(study)` does everything, and adds what it finds to the
study. Where a write-up leaves a setting open, the module says what was taken.
"""

from __future__ import annotations

from typing import Protocol

from autograd_cnn.experiments.reproductions import conv3x3, digit_folders, lenet5, mlp, simple_convnet
from autograd_cnn.experiments.reproductions.study import FILES, Study


class Reproduction(Protocol):
    """What the module of a system holds."""

    TITLE: str

    def run(self, study: Study) -> None:
        """Train the system as published and by our recipe, and add what is found to `study`."""


REPRODUCTIONS: dict[str, Reproduction] = {
    "digit-folders": digit_folders,
    "conv3x3": conv3x3,
    "mlp": mlp,
    "simple-convnet": simple_convnet,
    "lenet5": lenet5,
}

__all__ = ["FILES", "REPRODUCTIONS", "Reproduction", "Study"]
