"""How many digits does a model read in photographs, of those that it reads in clean images, and how sure is it?

Makes photographs of digits of MNIST's test set (see `tests.photographs`), reads them as `predict` does, and prints for
each of the weights: accuracy on the clean images and on the photographs, and the expected calibration error of both. A
photograph in which no digit or several are found counts as wrong, and not towards calibration, for it gets no answer.

    python -m tests.photograph_figures --weights runs/mnist runs/digits
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import autograd_cnn as ac
from autograd_cnn.data import DataError, read_digit
from autograd_cnn.training.metrics import expected_calibration_error
from tests.photographs import Scene, photograph


def main() -> int:
    """Print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, metavar="RUN", help="weights or runs' folders"
    )
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="photographs (default: 1000)")
    parser.add_argument("--split", default="test", help="of MNIST (default: test)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw the first 60 beside what was read of them")
    given = parser.parse_args()
    try:
        data = ac.data.load("mnist", given.split)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    chosen = np.random.default_rng(given.seed).permutation(len(data))[: given.count]
    clean, labels = data.images[chosen], data.labels[chosen]
    read, pairs, seconds = np.zeros_like(clean), [], 0.0
    answered = np.zeros(len(chosen), bool)
    for k, digit in enumerate(clean):
        rng = np.random.default_rng([given.seed, k])
        picture = photograph(digit[0], Scene.draw(rng), rng)
        begin = time.process_time()
        try:
            read[k] = read_digit(picture)
            answered[k] = True
        except DataError:
            pass
        seconds += time.process_time() - begin
        if len(pairs) < 60:
            pairs.append((picture, read[k], str(labels[k])))
    if given.sheet:
        from autograd_cnn import plotting

        plotting.save(plotting.seen_images(pairs), given.sheet)
    print(f"{len(chosen):,} of MNIST's {given.split} digits; {answered.sum():,} photographs answered, ", end="")
    print(f"{1000 * seconds / len(chosen):.0f} ms of processor time each")
    for path in given.weights:
        saved = ac.load_model(path)
        print(f"{saved!r}")
        for name, images, there in (("clean", clean, np.ones_like(answered)), ("photographs", read, answered)):
            found, probabilities = saved.predict(images)
            right = (found == labels) & there
            error = expected_calibration_error(labels[there], probabilities[there])
            print(f"  {name:11} {right.mean():.2%} right, expected calibration error {error:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
