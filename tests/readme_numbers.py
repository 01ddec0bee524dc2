"""The README's numbers of LeNet-5 on digits and MNIST, and its learning curve: trains, or reads the folders of runs.

python -m tests.readme_numbers --out runs/readme            # minutes; AUTOGRAD_CNN_DATA says where MNIST is
python -m tests.readme_numbers --out runs/readme --write    # what is there already is only read
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"
PICTURE = README.parent / ".github" / "pictures" / "learning_curve.png"

#: What a row is called, how its images are, how many seeds it tells of, and its command.
ROWS = {
    "digits": ("LeNet-5 on `digits`, with the defaults", "360 test digits", 5, ["train"]),
    "mnist": ("LeNet-5 on MNIST, 3 epochs", "10,000", 3, ["train", "--data", "mnist", "--epochs", "3"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=[*ROWS, "both"], default="both", help="which row (default: both)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for the folders of runs")
    parser.add_argument("--write", action="store_true", help="put rows and picture into the README")
    given = parser.parse_args()

    for name in ROWS if given.data == "both" else [given.data]:
        metrics = [train(name, seed, given.out / f"{name}-{seed}") for seed in range(ROWS[name][2])]
        new = row(name, metrics)
        print(new)
        if given.write:
            text = README.read_text(encoding="utf-8")
            README.write_text(text.replace(current_row(name), new), encoding="utf-8")
            if name == "digits":
                shutil.copy(given.out / "digits-0" / "learning_curve.png", PICTURE)


def train(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return the metrics of a run, which is made if it is not there."""
    if not (folder / "metrics.json").exists():
        command = [sys.executable, "-m", "autograd_cnn", *ROWS[name][3], "--seed", str(seed), "--out", str(folder)]
        subprocess.run([*command, "--test-every-epoch"], check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def row(name: str, metrics: list[dict[str, Any]]) -> str:
    """Return a row of the README's table of results; the first run is the one that the command makes."""
    what, images, seeds, command = ROWS[name]
    first, accuracies = metrics[0], [m["test_accuracy"] for m in metrics]
    return (
        f"| {what} | {first['test_accuracy']:.2%} of {images}, mean confidence {first['mean_confidence']:.2%}, "
        f"{first['seconds']:.0f} s; seeds 0 to {seeds - 1}: {min(accuracies):.2%} to {max(accuracies):.2%} "
        f"| `python -m autograd_cnn {' '.join(command)}` |"
    )


def current_row(name: str) -> str:
    """Return the row as the README has it."""
    lines = README.read_text(encoding="utf-8").splitlines()
    (found,) = [line for line in lines if line.startswith(f"| {ROWS[name][0]} |")]
    return found


if __name__ == "__main__":
    main()
