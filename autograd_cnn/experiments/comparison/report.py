"""What was measured, as a table, a JSON file and a picture."""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograd_cnn.experiments.comparison import charts, timing
from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ps": 1e-12, "MiB": 2.0**20}


@dataclass(frozen=True)
class Row:
    """What one case cost each rival, in each round."""

    case: str
    samples: Mapping[str, Sequence[float]]
    notes: Mapping[str, float]

    def median(self, rival: str) -> float:
        """Give a rival's median."""
        return statistics.median(self.samples[rival])


@dataclass
class Report:
    """A table that is printed as it grows, and can be saved.

    Parameters
    ----------
    name : str
        Of its files.
    title : str
        What is compared.
    rivals : sequence of str
        A column each. The first is what the others are set beside, the last the one in question.
    unit : str
        One of `UNITS`. Samples are given in the whole unit (seconds, bytes), and shown in this one.
    threads, rounds : int
        With how many it was computed, and how often.
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

    def __post_init__(self) -> None:
        print(f"\n{self.title}; {self.setting()}", flush=True)
        self._print("", self._headings())

    def add(self, case: str, samples: Mapping[str, Sequence[float]], notes: Mapping[str, float] | None = None) -> None:
        """Add a row, and print it. A rival may be missing; what it has no samples for, it did not do."""
        scale = UNITS[self.unit]
        row = Row(case, {rival: [s / scale for s in samples[rival]] for rival in samples}, notes or {})
        self.rows.append(row)
        cells = [text.figure(row.median(rival)) if rival in row.samples else "–" for rival in self.rivals]
        if len(self.rivals) > 1:
            ratio = self.ratio(row, self.rivals[-1])
            cells.append("–" if ratio is None else text.ratio(ratio))
        self._print(case, [*cells, *(text.figure(row.notes[n]) if n in row.notes else "–" for n in self.notes)])

    def ratio(self, row: Row, rival: str) -> float | None:
        """Give the median, over the rounds, of what a case cost a rival by what it cost the first one."""
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
        """Give the versions of what was compared."""
        packages = {"PyTorch": "torch", "MyGrad": "mygrad", "HIPS autograd": "autograd"}
        return timing.versions({"NumPy": "numpy"} | {n: packages[n] for n in self.rivals if n in packages})

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists and dicts, as they go into a JSON file."""
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

    def save(self, folder: Path, draw: Callable[[Report, Path], None] | None = None) -> None:
        """Write `name.json`, and `name.png` as `draw` does, bars if not told otherwise."""
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        write_atomically(folder / f"{self.name}.json", f"{content}\n".encode())
        (draw or charts.bars)(self, folder / f"{self.name}.png")

    def _headings(self) -> list[str]:
        ratio = [f"{self.rivals[-1]} / {self.rivals[0]}"] if len(self.rivals) > 1 else []
        return [*(f"{rival} {self.unit}" for rival in self.rivals), *ratio, *self.notes]

    def _print(self, case: str, cells: Sequence[str]) -> None:
        widths = [len(heading) + 1 for heading in self._headings()]
        print(f"{case:44}", *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)), flush=True)
