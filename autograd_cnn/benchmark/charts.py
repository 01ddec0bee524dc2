"""Pictures of reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn import plotting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autograd_cnn.benchmark.report import Report

# Okabe and Ito, "Color universal design", 2008. The last rival, the one in question, is always blue.
_LAST, _OTHERS = "#0072B2", ("#E69F00", "#999999", "#56B4E9", "#CC79A7")
_BAR, _GAP = 0.22, 0.09  # inches


def bars(report: Report, path: Path) -> None:
    """Draw what each case cost, on a logarithmic scale, by what it cost the first rival: less to the left of 1.

    With a single rival, the cost itself is drawn.
    """
    from autograd_cnn.benchmark.report import figure as digits
    from autograd_cnn.benchmark.report import times

    first, drawn = report.rivals[0], report.rivals[1:]
    compared = bool(drawn)
    colors = _colors(drawn or report.rivals)
    lines = [(row, [r for r in colors if r in row.samples]) for row in report.rows]
    height = sum(max(len(rivals), 1) * _BAR + _GAP for _, rivals in lines)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        values, ticks, names, y = [], [], [], 0.0
        for row, rivals in lines:
            start = y
            for rival in rivals:
                ratio = report.ratio(row, rival) if compared else None
                value, begin = (row.median(rival), 0.0) if ratio is None else (ratio, 1.0)
                cost = f"{digits(row.median(rival))} {report.unit}"
                axes.barh(y, value - begin, left=begin, height=0.9 * _BAR, color=colors[rival])
                axes.annotate(
                    cost if ratio is None else f"{times(ratio)} ×   {cost}", (1, y), (6, 0),
                    xycoords=axes.get_yaxis_transform(), textcoords="offset points", va="center", annotation_clip=False,
                )  # fmt: skip
                values.append(value)
                y += _BAR
            ticks.append((start + y - _BAR) / 2)
            beside = f"\n{first} {digits(row.median(first))} {report.unit}" if compared and first in row.samples else ""
            names.append(row.case + (beside if len(rivals) > 1 else beside.replace("\n", "   ")))
            y += _GAP
        axes.set_yticks(ticks, names)
        axes.set_ylim(y - _GAP / 2 - _BAR / 2, -_GAP / 2 - _BAR / 2)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        if compared:
            _scale_ratios(axes, values, f"{first} = 1; less is better")
            if len(drawn) > 1:
                handles = [_patch(colors[rival]) for rival in drawn]
                figure.legend(handles, drawn, loc="outside upper right", ncols=len(drawn))
        else:
            axes.set_xlabel(f"{report.unit}, less is better")
        _head(figure, report)

    plotting.save(draw, (9.0, height + 1.3), path)


@dataclass(frozen=True)
class Panel:
    """A diagram with a curve for each rival."""

    title: str
    xlabel: str
    ylabel: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    log: bool = False
    """Double the x values from tick to tick."""
    level: float | None = None
    """Draw a line across."""


def curves(report: Report, panels: Sequence[Panel], path: Path) -> None:
    """Draw diagrams side by side, with a legend in the last."""

    def draw(figure: Figure) -> None:
        colors = _colors(report.rivals)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for rival, (x, y) in panel.curves.items():
                axes.plot(x, y, color=colors[rival], marker="o", markersize=4)
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
        axes.legend([_patch(color) for color in colors.values()], list(colors))
        _head(figure, report)

    plotting.save(draw, (max(6.5, 3.2 * len(panels)), 4.0), path)


def _colors(rivals: Sequence[str]) -> dict[str, str]:
    return dict(zip(rivals, (*_OTHERS[: len(rivals) - 1], _LAST), strict=True))


def _patch(color: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=color)


def _head(figure: Figure, report: Report) -> None:
    """Set the title above, and how it was measured below."""
    figure.suptitle(report.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    day = f"{report.date.day} {report.date:%B %Y}"
    figure.supxlabel(f"{day}; {report.setting()}", x=0.01, ha="left", fontsize=7.5, color="#777777")


def _scale_ratios(axes: Any, ratios: Sequence[float], label: str) -> None:
    """Scale an axis of ratios by their logarithm, from half to double at least."""
    low, high = min(0.5, *ratios) / 1.1, max(2.0, *ratios) * 1.1
    base = 2 if high / low < 40 else 4 if high / low < 2000 else 16
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    exponents = range(math.ceil(math.log(low, base)), math.floor(math.log(high, base)) + 1)
    axes.set_xticks([float(base) ** e for e in exponents])
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}")
    axes.minorticks_off()
    axes.axvline(1, color="#333333", linewidth=0.8)
    axes.set_xlabel(label)
