"""Measurements as a table that is printed as it grows, a JSON file and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from autograd_cnn.experiments.comparison import charts
from autograd_cnn.experiments.comparison.measurements import Measurements, Row
from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically


class Report(Measurements):
    """Measurements that are printed as they come, and can be saved; see `Measurements` for the parameters."""

    def add(self, case: str, samples: Mapping[str, Sequence[float]], notes: Mapping[str, float] | None = None) -> None:
        """Add a row, and print it, below the headings if it is the first."""
        if not self.rows:
            print(f"\n{self.title}; {self.setting()}", flush=True)
            self._print("", self._headings())
        row = self.record(case, samples, notes or {})
        self._print(case, self._cells(row))

    def save(self, folder: Path, draw: Callable[[Measurements, Path], None] = charts.bars) -> None:
        """Write `name.json`, and `name.png` as `draw` draws it."""
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        write_atomically(folder / f"{self.name}.json", f"{content}\n".encode())
        draw(self, folder / f"{self.name}.png")

    def _headings(self) -> list[str]:
        ratio = [f"{self.rivals[-1]} / {self.rivals[0]}"] if len(self.rivals) > 1 else []
        return [*(f"{rival} {self.unit}" for rival in self.rivals), *ratio, *self.notes]

    def _cells(self, row: Row) -> list[str]:
        cells = [text.figure(row.median(rival)) if rival in row.samples else "–" for rival in self.rivals]
        if len(self.rivals) > 1:
            ratio = self.ratio(row, self.rivals[-1])
            cells.append("–" if ratio is None else text.ratio(ratio))
        return [*cells, *(text.figure(row.notes[n]) if n in row.notes else "–" for n in self.notes)]

    def _print(self, case: str, cells: Sequence[str]) -> None:
        widths = [len(heading) + 1 for heading in self._headings()]
        print(f"{case:44}", *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)), flush=True)
