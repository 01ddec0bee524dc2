"""Damage files, and read them: `python -m tests.fuzzing [LOADER …] --cases 10000`, or `--minutes 60`.

What is found is written to a folder, with the files. A case is known by its loader, seed and index, so that it can be
made again: `python -m tests.fuzzing images --seed 0 --first 4711 --cases 1`.
"""

import argparse
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.fuzzing.loaders import LOADERS
from tests.fuzzing.worker import work

PATIENCE = 60  # seconds by the clock, after which a process hangs that takes no processor time
ENDLESS = 10**9


def main():
    """Run the loaders that are named, or all, and print a line for each; exit with 1 if anything was found."""
    given = parse()
    if given.worker:
        (name,) = given.loaders
        work(LOADERS[name], given.worker, given.seed, given.first, given.first + given.cases)
    given.out.mkdir(parents=True, exist_ok=True)
    found = 0
    for name in given.loaders or LOADERS:
        found += fuzz(name, given)
    print(f"findings are in {given.out}" if found else "nothing found")
    return int(found > 0)


def parse():
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__.partition("\n")[0])
    parser.add_argument("loaders", nargs="*", metavar="LOADER", help=f"some of {', '.join(LOADERS)} (default: all)")
    parser.add_argument("--cases", type=int, default=1000, help="files for each loader (default: 1000)")
    parser.add_argument("--minutes", type=float, help="go on for so long with each loader, instead of --cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first case (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir(), "fuzzing"), help="folder of what is found"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.loaders) - set(LOADERS):
        parser.error(f"there is no loader {min(unknown)!r}; expected some of {', '.join(LOADERS)}")
    return given


def fuzz(name, given):
    """Run one loader to the end, however often its process ends, and return how many findings there are."""
    started, counts, peak = time.monotonic(), Counter(), 0
    end = None if given.minutes is None else started + 60 * given.minutes
    index, last = given.first, given.first + (given.cases if end is None else ENDLESS)
    while index < last and (end is None or time.monotonic() < end):
        for report in reports(name, given.seed, index, last, end):
            index = report["index"] + 1
            counts["cases"] += 1
            counts["accepted"] += report.get("accepted", False)
            peak = max(peak, report.get("peak", 0))
            if report.get("wrong"):
                counts["found"] += 1
                keep(name, given, report)
    seconds = time.monotonic() - started
    print(
        f"{name}: {counts['cases']:,} files, {counts['accepted']:,} accepted, {counts['found']:,} findings, at most "
        f"{peak / 2**20:.0f} MiB above the base, {seconds:.0f} s",
        flush=True,
    )
    return counts["found"]


def reports(name, seed, first, last, end):
    """Yield what one process says of each file; of a file that ended the process, that it did."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--worker", folder, "--seed", str(seed), "--first", str(first), "--cases", str(last - first)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzzing", name, *options], stdout=subprocess.PIPE, text=True
        )
        lines = queue.Queue()
        threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
        try:
            yield from _reports(process, lines, first, end)
        finally:
            process.kill()
            process.wait()


def _forward(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put("")


def _reports(process, lines, first, end):
    begun = first - 1
    while end is None or time.monotonic() < end:
        try:
            line = lines.get(timeout=PATIENCE)
        except queue.Empty:
            yield {"index": max(begun, first), "wrong": f"it hung for {PATIENCE} s"}
            return
        if not line:
            code = process.wait()
            if code:
                why = "it took too long" if code == -signal.SIGPROF else f"the process ended with {code}"
                yield {"index": max(begun, first), "wrong": why}
            return
        report = json.loads(line)
        begun = report["index"]
        if "wrong" in report:
            yield report


def keep(name, given, report):
    """Write a finding and its file into the folder."""
    stem = given.out / f"{name}-{given.seed}-{report['index']}"
    stem.with_suffix(".bin").write_bytes(LOADERS[name].case(given.seed, report["index"]))
    stem.with_suffix(".txt").write_text(report["wrong"], errors="backslashreplace")
    print(f"{name} {given.seed} {report['index']}: {report['wrong'].strip().splitlines()[-1][:200]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
