"""A picture of a handwritten digit turned into what MNIST has: 28×28, the digit in a box of 20×20, bright on dark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError
from autograd_cnn.data.handwriting.components import label_components
from autograd_cnn.data.handwriting.filters import Mask, Picture, blur, grown
from autograd_cnn.data.handwriting.ink import find_ink
from autograd_cnn.data.handwriting.ruled_lines import without_ruled_lines
from autograd_cnn.data.images import resize

SIDE, BOX = 28, 20

#: Longer side of the picture that is looked at: a larger one is shrunk, and a much smaller one enlarged.
LONGEST, SHORTEST = 400, 112

#: From half the ink's level on it is ink; from this share on, where it touches such ink.
FAINT = 0.35
FAINTEST_LINE = 0.2


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, from `top` to before `bottom`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def __or__(self, other: "Box") -> "Box":
        return Box(
            min(self.top, other.top), max(self.bottom, other.bottom),
            min(self.left, other.left), max(self.right, other.right),
        )  # fmt: skip


def read_digits(image: Picture) -> list[Picture]:
    seen = workable(image)
    ink = find_ink(seen)
    mask = without_ruled_lines(ink > FAINTEST_LINE) & (ink > FAINT)
    labels, count = label_components(mask)
    parts = measure(labels, count, ink)
    return [normalise(np.where(grown(np.isin(labels, d), 1) , ink, 0)) for d in find_digits(parts, mask.shape)]


def workable(image: Picture) -> Picture:
    height, width = image.shape[1:]
    longest = max(height, width)
    scale = LONGEST / longest if longest > LONGEST else max(1, -(-SHORTEST // longest))
    return resize(image[np.newaxis], (max(1, round(height * scale)), max(1, round(width * scale))))[0]


def measure(labels, count, ink):
    """Return (number, Box, area, strength) of each component."""
    found = []
    y, x = np.nonzero(labels)
    which = labels[y, x]
    area = np.bincount(which, minlength=count + 1)
    tops = np.full(count + 1, len(labels)); np.minimum.at(tops, which, y)
    bottoms = np.zeros(count + 1, int); np.maximum.at(bottoms, which, y + 1)
    lefts = np.full(count + 1, labels.shape[1]); np.minimum.at(lefts, which, x)
    rights = np.zeros(count + 1, int); np.maximum.at(rights, which, x + 1)
    peak = np.zeros(count + 1); np.maximum.at(peak, which, ink[y, x])
    return [(i, Box(tops[i], bottoms[i], lefts[i], rights[i]), area[i], peak[i]) for i in range(1, count + 1)]


def find_digits(parts, shape):
    parts = [p for p in parts if p[3] > 0.6]
    if not parts: return []
    def touches(b): return b.top == 0 or b.left == 0 or b.bottom == shape[0] or b.right == shape[1]
    inner = [p for p in parts if not touches(p[1])]
    if inner and max(max(p[1].height, p[1].width) for p in inner) >= 0.06 * max(shape):
        parts = inner
    main = max(parts, key=lambda p: p[2])
    big = max(p[1].height for p in parts if p[2] >= 0.1 * main[2])
    groups = [([p[0]], p[1], p[2]) for p in parts if p[2] > 0.01 * main[2]]
    groups.sort(key=lambda g: -g[2])
    # join
    changed = True
    while changed:
        changed = False
        for i in range(len(groups)):
            for j in range(i + 1, len(groups)):
                a, b = groups[i], groups[j]
                gap_y = max(a[1].top, b[1].top) - min(a[1].bottom, b[1].bottom)
                gap_x = max(a[1].left, b[1].left) - min(a[1].right, b[1].right)
                small = min(a[1].height, b[1].height)
                size = max(a[1].height, a[1].width)
                overlap = -gap_x / max(1, min(a[1].width, b[1].width))
                if (overlap > 0.3 and gap_y < 0.25 * size) or (small < 0.5 * a[1].height and max(gap_x, gap_y) < 0.12 * size):
                    groups[i] = (a[0] + b[0], a[1] | b[1], a[2] + b[2]); del groups[j]; changed = True; break
            if changed: break
    largest = max(max(g[1].height, g[1].width * 0.7) for g in groups)
    area = max(g[2] for g in groups)
    groups = [g for g in groups if max(g[1].height, 0.7 * g[1].width) > 0.4 * largest and g[2] > 0.08 * area]
    groups.sort(key=lambda g: g[1].left + g[1].right)
    return [g[0] for g in groups]


def normalise(ink: Picture) -> Picture:
    """Return an image (1, 28, 28) of the ink (H, W) of one digit."""
    solid = ink > 0.5
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    crop = np.clip((ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] - 0.25) / 0.5, 0, 1)
    return centred(scaled(crop))


def scaled(crop: Picture) -> Picture:
    scale = BOX / max(crop.shape)
    size = [max(1, round(n * scale)) for n in crop.shape]
    small = resize(crop[np.newaxis, np.newaxis], size)[0, 0]
    return small / small.max()


def centred(digit: Picture) -> Picture:
    digit = np.asarray(digit, np.float32)
    corner = []
    for axis in (0, 1):
        profile = digit.sum(1 - axis)
        middle = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
        corner.append(int(np.clip(round(SIDE / 2 - middle), 0, SIDE - len(profile))))
    image = np.zeros((1, SIDE, SIDE), np.float32)
    image[0, corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return image
