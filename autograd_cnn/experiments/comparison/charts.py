"""Pictures of measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from autograd_cnn import plotting
from autograd_cnn.experiments.comparison.measurements import Measurements, Row
from autograd_cnn.output import text

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

# Colours of Okabe and Ito, "Color universal design", 2008. The last rival, the one in question, is always blue. In grey
# the others look alike: hatching tells their bars apart, and markers their curves.
_LAST, _OTHERS = ("#0072B2", "", "o"), (
    ("#E69F00", "", "s"), ("#999999", "////", "^"), ("#56B4E9", "....", "D"), ("#CC79A7", "xxxx", "v"),
)  # fmt: skip
_BAR, _GAP = 0.22, 0.09  # inches
_Look: TypeAlias = tuple[str, str, str]  # colour, hatching and marker


def bars(report: Measurements, path: Path) -> None:
    """Draw each case's cost divided by the first rival's, on a logarithmic scale: left of 1 is less.

    With a single rival, the cost itself is drawn.
    """
    others = report.rivals[1:]
    looks = _looks(others or report.rivals)
    lines = [(row, _lengths(report, row, looks)) for row in report.rows]
    height = sum(max(len(lengths), 1) * _BAR + _GAP for _, lengths in lines)

    with plotting.on_figure(None, (9.0, height + 1.3)) as figure:
        axes = figure.subplots()
        y, ticks, names = 0.0, [], []
        for row, lengths in lines:
            ticks.append(y + (max(len(lengths), 1) - 1) * _BAR / 2)
            names.append(_name(report, row, len(lengths)))
            for rival, length in lengths.items():
                _bar(axes, report, row, rival, length, y, looks[rival])
                y += _BAR
            y += _GAP if lengths else _GAP + _BAR
        axes.set_yticks(ticks, names)
        axes.set_ylim(height - (_GAP + _BAR) / 2, -(_GAP + _BAR) / 2)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        if others:
            _scale_ratios(axes, [length for _, lengths in lines for length in lengths.values()])
        axes.set_xlabel(f"{f'{report.rivals[0]} = 1' if others else report.unit}; less is better")
        if len(others) > 1:
            figure.legend(map(_patch, looks.values()), looks, loc="outside upper right", ncols=len(looks))
        head(figure, report)

    plotting.save(figure, path)


def _lengths(report: Measurements, row: Row, rivals: Iterable[str]) -> dict[str, float]:
    """Return the lengths of a row's bars: ratios, or medians of a single rival."""
    alone = len(report.rivals) == 1
    lengths = {
        rival: row.median(rival) if alone else report.ratio(row, rival) for rival in rivals if rival in row.samples
    }
    return {rival: length for rival, length in lengths.items() if length is not None}


def _name(report: Measurements, row: Row, bars: int) -> str:
    """Return what stands beside a row's bars: the case, and what it cost the first rival."""
    if len(report.rivals) == 1 or not bars:
        return row.case
    first = report.rivals[0]
    gap = "   " if bars == 1 else "\n"
    return f"{row.case}{gap}{first} {_cost(report, row, first)}"


def _bar(axes: Any, report: Measurements, row: Row, rival: str, length: float, y: float, look: _Look) -> None:
    alone = len(report.rivals) == 1
    start, cost = float(not alone), _cost(report, row, rival)
    axes.barh(y, length - start, left=start, height=0.9 * _BAR, **_filled(look))
    label = cost if alone else f"{text.ratio(length)} ×   {cost}"
    beside = axes.get_yaxis_transform()  # at the right edge, at a bar's height
    axes.annotate(label, (1, y), (6, 0), beside, "offset points", va="center", annotation_clip=False)


def _cost(report: Measurements, row: Row, rival: str) -> str:
    return f"{text.figure(row.median(rival))} {report.unit}"


@dataclass(frozen=True)
class Panel:
    """A diagram with a curve for each rival."""

    title: str
    xlabel: str
    ylabel: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    log: bool = False
    """Whether x doubles from tick to tick."""
    level: float | None = None
    """Where a line is drawn across."""


def curves(report: Measurements, panels: Sequence[Panel], path: Path) -> None:
    """Draw diagrams side by side, with a legend in the last."""
    with plotting.on_figure(None, (max(6.5, 3.2 * len(panels)), 4.0)) as figure:
        looks = _looks(report.rivals)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for rival, (x, y) in panel.curves.items():
                color, _, marker = looks[rival]
                axes.plot(x, y, color=color, marker=marker, markersize=4, label=rival)
            axes.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
            if panel.level is not None:
                axes.axhline(panel.level, color="#333333", linewidth=0.8, linestyle="--")
            else:
                axes.set_ylim(bottom=0)
            if panel.log:
                axes.set_xscale("log", base=2)
                axes.set_xticks(sorted({x for xs, _ in panel.curves.values() for x in xs}))
                axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
                axes.minorticks_off()
        axes.legend()
        head(figure, report)

    plotting.save(figure, path)


def _looks(rivals: Sequence[str]) -> dict[str, _Look]:
    return dict(zip(rivals, (*_OTHERS[: len(rivals) - 1], _LAST), strict=True))


def _filled(look: _Look) -> dict[str, Any]:
    """Return how a bar is filled: with a colour, and hatched in white."""
    color, hatch, _ = look
    return {"facecolor": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0}


def _patch(look: _Look) -> Any:
    from matplotlib.patches import Patch

    return Patch(**_filled(look))


def head(figure: FigureBase, report: Measurements) -> None:
    """Set the title above, and how it was measured below."""
    figure.suptitle(report.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    day = f"{report.date.day} {report.date:%B %Y}"
    figure.supxlabel(f"{day}; {report.setting()}", x=0.01, ha="left", fontsize=7.5, color="#777777")


def _scale_ratios(axes: Any, ratios: Sequence[float]) -> None:
    """Scale an axis of ratios by their logarithm, from half to double at least."""
    low, high = min([0.5, *ratios]) / 1.1, max([2.0, *ratios]) * 1.1
    base = 2 if high / low < 40 else 4 if high / low < 2000 else 16
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    exponents = range(math.ceil(math.log(low, base)), math.floor(math.log(high, base)) + 1)
    axes.set_xticks([float(base) ** e for e in exponents])
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}")
    axes.minorticks_off()
    axes.axvline(1, color="#333333", linewidth=0.8)
