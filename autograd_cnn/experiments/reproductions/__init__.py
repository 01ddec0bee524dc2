"""Published systems that read handwritten digits with NumPy: trained as their authors did, then by our recipe.

Each module is one system, named after the author and year of its network: `TITLE` says what it is, and `run(study)`
does everything, and adds what it finds to the study. Where a write-up does not state a setting, the module says what
is used instead.
"""

from __future__ import annotations

from typing import Protocol

from autograd_cnn.experiments.reproductions import digit_folders, lecun1998, rumelhart1986, saitoh2016, zhou2019
from autograd_cnn.experiments.reproductions.study import FILES, Study


class Reproduction(Protocol):
    """What the module of a system has to define."""

    TITLE: str

    def run(self, study: Study) -> None:
        """Train the system as published and by our recipe, and add what is found to `study`."""


REPRODUCTIONS: dict[str, Reproduction] = {
    "digit-folders": digit_folders,
    "conv3x3": zhou2019,
    "mlp": rumelhart1986,
    "simple-convnet": saitoh2016,
    "lenet5": lecun1998,
}

__all__ = ["FILES", "REPRODUCTIONS", "Reproduction", "Study"]
