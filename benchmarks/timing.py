"""Timing that can be trusted on a shared machine: interleaved, warmed up, medians, threads pinned."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path


def pin_threads(count: int) -> None:
    """Limit BLAS and OpenMP to `count` threads. Call it before NumPy is imported."""
    for library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = str(count)


def machine() -> str:
    """Describe the processor and the number of cores."""
    cpuinfo = Path("/proc/cpuinfo")
    name = platform.processor() or platform.machine()
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        name = next((value.strip() for key, _, value in lines if key.strip() == "model name"), name)
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def interleaved(
    rivals: dict[str, Callable[[], object]], *, rounds: int = 30, warm_up: int = 3
) -> dict[str, list[float]]:
    """Call the rivals in turn, and give the seconds of each call.

    In turn, because the machine's speed drifts: what slows one call slows its neighbours as well.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(warm_up):
        for call in rivals.values():
            call()
    for _ in range(rounds):
        for name, call in rivals.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """Give the median, over the rounds, of our time by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
