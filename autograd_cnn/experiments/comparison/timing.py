"""Timing that can be trusted on a shared machine: warmed up, interleaved, medians."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def interleaved(
    rivals: Mapping[str, Callable[[], object]], *, rounds: int = 30, warm_up: int = 3
) -> dict[str, list[float]]:
    """Call the rivals in turn, there and back, and return the seconds of each call.

    In turn, because a machine's speed drifts: what slows one call slows its neighbours too. There and back (A, B, then
    B, A), so that none always follows the same other one. Each timed call follows a call of the same rival that is not
    timed, so that it finds caches and threads as in a loop of its own: OpenMP's threads keep spinning for milliseconds
    after their work, and would take a core from the next rival.

    Parameters
    ----------
    rivals : dict of str to callable
        What to time.
    rounds : int
        Timed calls of each.
    warm_up : int
        Rounds before them, which are not timed.

    Examples
    --------
    >>> seconds = interleaved({"short": lambda: sum(range(10)), "long": lambda: sum(range(9999))}, rounds=5)
    >>> len(seconds["short"]), median_ratio(seconds["short"], seconds["long"]) < 1
    (5, True)
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    there = list(rivals)
    for turn in range(-warm_up, rounds):
        for name in there if turn % 2 == 0 else reversed(there):
            rivals[name]()
            start = time.perf_counter()
            rivals[name]()
            elapsed = time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(elapsed)
    return seconds


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median, over the rounds, of our time divided by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def processor() -> str:
    """Return the name of the processor and the number of its cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        name = next((value.strip() for key, _, value in lines if key.strip() == "model name"), name)
    cores = os.cpu_count()
    return f"{name}, {cores} core{'' if cores == 1 else 's'}"


def versions(packages: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of Python and of those packages that are installed, by the names they have here."""
    found = {"Python": platform.python_version()}
    for name, package in packages.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(package)
    return found
