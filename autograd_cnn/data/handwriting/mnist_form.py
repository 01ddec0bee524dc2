"""The form of MNIST's images: a digit whose longer side is 20 pixels, its centre of mass in the middle of 28×28."""

from typing import NamedTuple

import numpy as np

from autograd_cnn.data.handwriting.filters import Mask, Picture
from autograd_cnn.data.images import resize

SIDE, LONGER = 28, 20

#: An image has the form already if it is off by no more than this: in size and position, in pixels, and in the
#: brightness of its border, which a JPEG does not keep black.
OFF_SIZE, OFF_CENTRE, OFF_BLACK = 1, 0.75, 0.1

#: Ink below the first share is paper, above the second it is solid: the edge of a stroke lies between.
EDGE = 0.25, 0.75

#: By how much a small image is enlarged before its edges are sharpened.
ENLARGED = 10


class Box(NamedTuple):
    """A rectangle in a picture, of the rows from `top` to before `bottom` and the columns from `left` to `right`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    def __or__(self, other: "Box") -> "Box":
        return Box(
            min(self.top, other.top), max(self.bottom, other.bottom),
            min(self.left, other.left), max(self.right, other.right),
        )  # fmt: skip


def box(mask: Mask) -> Box:
    """Return the smallest box that holds a mask (H, W), which is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def to_mnist_form(ink: Picture) -> Picture:
    """Return an image (1, 28, 28) of one digit, given its ink (H, W), about 0 on paper and about 1 in strokes."""
    around = box(ink > 0.5 * min(1.0, float(ink.max())))
    crop = ink[around.top : around.bottom, around.left : around.right]
    low, high = EDGE
    return centred(scaled(np.clip((crop - low) / (high - low), 0, 1)))


def framed(image: Picture) -> Picture:
    """Return an image (1, 28, 28) of one clean digit (H, W), bright on black, however large and wherever it stands.

    This is how `digits`, whose digits fill their 8×8 images, become like MNIST's. They are enlarged first, so that
    edges can be made as sharp as those of ink.

    Examples
    --------
    >>> framed(np.eye(8, dtype=np.float32)).shape
    (1, 28, 28)
    """
    padded = np.pad(image / image.max(), 1)
    height, width = padded.shape
    return to_mnist_form(resize(padded[np.newaxis, np.newaxis], (ENLARGED * height, ENLARGED * width))[0, 0])


def scaled(digit: Picture) -> Picture:
    """Return a digit (H, W) with its longer side scaled to 20 pixels, and its brightest to 1.

    Examples
    --------
    >>> scaled(np.ones((60, 15), np.float32)).shape
    (20, 5)
    """
    scale = LONGER / max(digit.shape)
    height, width = (max(1, round(length * scale)) for length in digit.shape)
    small = resize(digit[np.newaxis, np.newaxis], (height, width))[0, 0]
    full: Picture = small / small.max()
    return full


def centred(digit: Picture) -> Picture:
    """Return an image (1, 28, 28) with a digit of at most 20×20 placed in it, its centre of mass in the middle.

    Examples
    --------
    >>> np.argwhere(centred(np.ones((1, 1), np.float32))).tolist()
    [[0, 14, 14]]
    """
    top, left = (
        int(np.clip(round(SIDE / 2 - middle), 0, SIDE - length))
        for middle, length in zip(centre_of_mass(digit), digit.shape, strict=True)
    )
    image = np.zeros((1, SIDE, SIDE), np.float32)
    image[0, top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return image


def centre_of_mass(image: Picture) -> tuple[float, float]:
    """Return the mean row and column of an image (H, W), weighted by brightness.

    Examples
    --------
    >>> centre_of_mass(np.ones((3, 5), np.float32))
    (1.0, 2.0)
    """
    mass = float(image.sum())
    row, column = (float(image.sum(1 - axis) @ np.arange(image.shape[axis])) / mass for axis in (0, 1))
    return row, column


def has_mnist_form(image: Picture) -> bool:
    """Return whether an image (C, H, W) in [0, 1] has the form of MNIST's, so that nothing needs to be done to it."""
    if image.shape != (1, SIDE, SIDE) or np.median(image) > OFF_BLACK or image.max() < 0.5:
        return False
    solid = image[0] > 0.5 * image.max()
    frame = box(image[0] > OFF_BLACK)
    near = abs(max(frame.height, frame.width) - LONGER) <= OFF_SIZE
    middle = centre_of_mass(np.where(image[0] > OFF_BLACK, image[0], 0))
    return bool(near and solid.any() and all(abs(place - SIDE / 2) <= OFF_CENTRE for place in middle))
