"""The README's table of the published systems: runs them all, or reads the folders where they ran.

python -m tests.reproductions_table --out runs/reproductions            # an hour; AUTOGRAD_CNN_DATA says where MNIST is
python -m tests.reproductions_table --out runs/reproductions --write    # what is there already is only read
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- reproductions: begin -->\n", "<!-- reproductions: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small cases, to see that it runs")
    parser.add_argument("--data", default="mnist", metavar="NAME", help="the data set (default: mnist)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for the folders of results")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    options = parser.parse_args()

    command = [sys.executable, "-m", "autograd_cnn", "reproduce"]
    names = subprocess.run([*command, "--list"], check=True, capture_output=True, text=True).stdout.split()
    rows = ["| system | as published | reproduced | ours | seconds |", "|---|---|---|---|---|"]
    for name in names:
        folder = options.out / name
        if not (folder / "results.json").exists():
            quick = ["--quick"] if options.quick else []
            subprocess.run([*command, name, "--data", options.data, "--out", folder, *quick], check=True)
        headline = json.loads((folder / "results.json").read_text())["headline"]
        cells = (headline[key] for key in ("published", "reproduced", "ours"))
        rows.append(f"| `{name}`: {headline['figure']} | {' | '.join(cells)} | {headline['seconds']:.0f} |")
    table = "\n".join(rows) + "\n"
    print(table)
    if options.write:
        before, rest = README.read_text().split(BEGIN)
        README.write_text(before + BEGIN + table + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
