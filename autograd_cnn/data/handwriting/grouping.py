"""Group the parts of a picture's ink into digits: strokes that belong to one, and specks that belong to none."""

from autograd_cnn.data.handwriting.filters import Mask
from autograd_cnn.data.handwriting.mnist_form import Box

#: Longer side of the smallest digit, as a share of the picture's longer side.
SMALLEST = 0.05

#: A part with less than this share of the largest part's ink is a speck.
SPECK = 0.01

#: Two parts belong together if their boxes share this much of the narrower one's width, and the gap between them is at
#: most this share of the larger one's size: the bar of a 5 over its belly.
SHARED_WIDTH, GAP_BELOW = 0.3, 0.25

#: So do a part and a fragment of at most this share of its height, if the gap is at most this share of the larger size.
FRAGMENT, GAP_BESIDE = 0.5, 0.12

#: What is smaller than this share of the largest digit, in size or in ink, is not a digit.
LEAST_SIZE, LEAST_INK = 0.4, 0.08

Part = tuple[Mask, Box]


def group_parts(parts: list[Part], shape: tuple[int, ...]) -> list[Mask]:
    """Return the mask (H, W) of each digit, from left to right, given the connected parts of the ink.

    Parts that touch the edge of the picture are not taken for digits, unless the others are too small.
    """
    inner = [(mask, box) for mask, box in parts if not _touches_edge(box, shape)]
    if any(max(box.height, box.width) >= SMALLEST * max(shape) for _, box in inner):
        parts = inner
    if not parts:
        return []
    largest = max(mask.sum() for mask, _ in parts)
    groups = sorted((p for p in parts if p[0].sum() >= SPECK * largest), key=lambda p: -p[0].sum())
    while (pair := _pair_that_belongs_together(groups)) is not None:
        i, j = pair
        mask, box = groups.pop(j)
        groups[i] = (groups[i][0] | mask, groups[i][1] | box)
    size = max(_size(box) for _, box in groups)
    ink = max(mask.sum() for mask, _ in groups)
    digits = [(m, box) for m, box in groups if _size(box) >= LEAST_SIZE * size and m.sum() >= LEAST_INK * ink]
    return [mask for mask, _ in sorted(digits, key=lambda digit: digit[1].left + digit[1].right)]


def _pair_that_belongs_together(groups: list[Part]) -> tuple[int, int] | None:
    for i, (_, large) in enumerate(groups):
        for j, (_, small) in enumerate(groups[i + 1 :], i + 1):
            if _belong_together(large, small):
                return i, j
    return None


def _belong_together(one: Box, other: Box) -> bool:
    gap_down = max(one.top, other.top) - min(one.bottom, other.bottom)
    gap_across = max(one.left, other.left) - min(one.right, other.right)
    size = max(one.height, one.width, other.height, other.width)
    above = -gap_across >= SHARED_WIDTH * min(one.width, other.width) and gap_down <= GAP_BELOW * size
    lower, higher = sorted((one.height, other.height))
    return above or (lower <= FRAGMENT * higher and max(gap_down, gap_across) <= GAP_BESIDE * size)


def _touches_edge(box: Box, shape: tuple[int, ...]) -> bool:
    return box.top == 0 or box.left == 0 or box.bottom == shape[0] or box.right == shape[1]


def _size(box: Box) -> float:
    """Return the height of a box, or its width, if it is much wider than high, like a 1 on its side."""
    return max(box.height, 0.7 * box.width)
