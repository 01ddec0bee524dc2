"""What was measured, and how: rows of samples, with the setting they were taken in."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd_cnn.experiments.comparison import timing

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ps": 1e-12, "MiB": 2.0**20}


@dataclass(frozen=True)
class Row:
    """What one case cost each rival, in each round."""

    case: str
    samples: Mapping[str, Sequence[float]]
    notes: Mapping[str, float]

    def median(self, rival: str) -> float:
        """Return a rival's median."""
        return statistics.median(self.samples[rival])


@dataclass
class Measurements:
    """What some cases cost some rivals.

    Parameters
    ----------
    name : str
        Name of the files it is saved in.
    title : str
        What is compared.
    rivals : sequence of str
        A column each. The others are compared with the first; the last is the one in question.
    unit : str
        One of `UNITS`. Samples are given in seconds or bytes, and shown in this unit.
    threads, rounds : int
        The number of threads that computed, and how often each case was measured.
    notes : sequence of str
        Further columns.
    """

    name: str
    title: str
    rivals: Sequence[str]
    unit: str
    threads: int
    rounds: int
    notes: Sequence[str] = ()
    rows: list[Row] = field(default_factory=list)
    date: datetime.date = field(default_factory=datetime.date.today)

    def record(self, case: str, samples: Mapping[str, Sequence[float]], notes: Mapping[str, float]) -> Row:
        """Append a row and return it; a rival that did not do the case has no samples."""
        scale = UNITS[self.unit]
        row = Row(case, {rival: [s / scale for s in samples[rival]] for rival in samples}, notes)
        self.rows.append(row)
        return row

    def ratio(self, row: Row, rival: str) -> float | None:
        """Return a rival's cost divided by the first one's: the median of the rounds; None if either has no samples."""
        first = self.rivals[0]
        if first not in row.samples or rival not in row.samples:
            return None
        return timing.median_ratio(row.samples[rival], row.samples[first])

    def setting(self) -> str:
        """Say how it was measured, and on what."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions().items())
        return f"{threads}, medians of {self.rounds}; {timing.processor()}; {versions}"

    def versions(self) -> dict[str, str]:
        """Return the versions of what was compared."""
        packages = {"PyTorch": "torch", "MyGrad": "mygrad", "HIPS autograd": "autograd"}
        return timing.versions({"NumPy": "numpy"} | {n: packages[n] for n in self.rivals if n in packages})

    def to_dict(self) -> dict[str, Any]:
        """Return everything as lists and dicts, ready for JSON."""
        return {
            "benchmark": self.name,
            "title": self.title,
            "date": self.date.isoformat(),
            "processor": timing.processor(),
            "versions": self.versions(),
            "threads": self.threads,
            "rounds": self.rounds,
            "unit": self.unit,
            "rivals": list(self.rivals),
            "rows": [
                {
                    "case": row.case,
                    "median": {rival: row.median(rival) for rival in row.samples},
                    f"ratio to {self.rivals[0]}": {rival: self.ratio(row, rival) for rival in row.samples},
                    **row.notes,
                    "samples": dict(row.samples),
                }
                for row in self.rows
            ],
        }
