"""Decode image files from untrusted sources: listed formats only, sizes up to a limit, and so bounded memory."""

import contextlib
import logging
import math
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError

if TYPE_CHECKING:
    from PIL import Image

#: The formats that are read, by Pillow's names. Pillow knows more, and for PostScript it would start a program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
#: More than phone cameras take by default; Pillow takes up to 10 bytes for each pixel while it decodes.
MAX_PIXELS = 25_000_000
_most_pixels: ContextVar[int] = ContextVar("_most_pixels", default=MAX_PIXELS)

EXPECTED = "expected an image file, such as a PNG or a JPEG"
EXIF_ORIENTATION = 0x0112

_DECODED_TWICE = {"WEBP"}  # formats that take twice the memory of others
_MAX_SIDE = 2**16 - 1  # JPEG's limit; Pillow takes minutes to read a row of millions of pixels
_BYTES_A_PIXEL = 4  # the most that a file has, uncompressed
_TILE = 1024  # pixels along each side of what is averaged at a time
_OVERSAMPLED = 4  # averaging leaves at least this many pixels along a side for each of the result

_NOWHERE = logging.NullHandler()
_STANDARD_ERROR = threading.Lock()  # belongs to the whole process

# By EXIF orientation, the names of Pillow's transpositions that put an image upright.
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip


@contextmanager
def largest_image(pixels: int) -> Iterator[None]:
    """Set the largest image to decode inside the block, in this thread, where no other limit is given.

    Examples
    --------
    >>> with largest_image(100):
    ...     most_pixels()
    100
    """
    token = _most_pixels.set(pixels)
    try:
        yield
    finally:
        _most_pixels.reset(token)


def most_pixels(given: int | None = None) -> int:
    """Return how many pixels an image may have: as given, or else as `largest_image` says, or `MAX_PIXELS`."""
    return _most_pixels.get() if given is None else given


def decode(
    path: str | Path, channels: int, size: tuple[int, int] | None, max_pixels: int | None = None
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return an image file's pixels, (C, H, W) in [0, 1], upright, and the height and width that it has in the file.

    An image that is many times larger than the requested `size` is averaged over blocks of pixels, so that it takes
    little memory beyond Pillow's.

    Raises
    ------
    DataError
        If the file is missing, damaged, too large or of another format.
    """
    from PIL import Image, UnidentifiedImageError

    max_pixels = most_pixels(max_pixels)
    try:
        with open_image(path, max_pixels) as image:
            width, height = image.size
            if size is not None:
                # A JPEG is decoded no larger than needed, whichever way up it is.
                image.draft(None, (_OVERSAMPLED * max(size), _OVERSAMPLED * max(size)))
            with _silent_libtiff() if image.format == "TIFF" else contextlib.nullcontext():
                image.load()
            orientation = image.getexif().get(EXIF_ORIENTATION, 1)
            lies = lies_on_its_side(orientation)
            small = image if size is None else _averaged(image, size if lies else size[::-1])
            if orientation in _UPRIGHT:
                small = small.transpose(Image.Transpose[_UPRIGHT[orientation]])
            return _to_array(small, channels), (width, height) if lies else (height, width)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        most = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or 0))  # Pillow's own limit
        raise DataError(f"{path} is too large an image: expected at most {most:,} pixels; make it smaller") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is not an image in a format that is read ({', '.join(FORMATS)}): {EXPECTED}"
        ) from error
    except Exception as error:  # Pillow's readers may raise anything on a damaged file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path} cannot be read ({reason}): {EXPECTED}") from error


@contextmanager
def open_image(path: str | Path, max_pixels: int | None = None) -> Iterator["Image.Image"]:
    """Open an image file in Pillow, which reads its header; raise DataError if it is too large to be decoded."""
    from PIL import Image

    max_pixels = most_pixels(max_pixels)
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise DataError(f"{path} cannot be read (it is not a regular file): {EXPECTED}")  # a pipe would be waited for
    logging.getLogger("PIL").addHandler(_NOWHERE)  # instead of the standard error; the exceptions say it all
    with Path(path).open("rb") as file:
        most_bytes = _BYTES_A_PIXEL * max_pixels + 2**20  # some readers hold the whole file
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise DataError(f"{path} is too large for an image: expected at most {most_bytes:,} bytes; make it smaller")
        with Image.open(file, formats=FORMATS) as image:
            most = max_pixels // 2 if image.format in _DECODED_TWICE else max_pixels
            if image.width * image.height > most:
                raise DataError(
                    f"{path} is too large an image, {image.width}×{image.height}: expected at most {most:,} pixels; "
                    "make it smaller, or raise max_pixels (--max-pixels)"
                )
            if max(image.size) > _MAX_SIDE:
                raise DataError(
                    f"{path} is too long an image, {image.width}×{image.height}: expected at most {_MAX_SIDE:,} pixels "
                    "along a side; divide it"
                )
            yield image


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keep libtiff's own messages off the standard error: what matters of them is in the exception."""
    with _STANDARD_ERROR:
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            yield
            return
        try:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def lies_on_its_side(orientation: int) -> bool:
    """Return whether this EXIF orientation means that an image's rows are stored as columns."""
    return 5 <= orientation <= 8


def _averaged(image: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    """Return an image averaged over blocks of pixels, but with several left for each that it has within `size`."""
    from PIL import Image

    step = max(have / (_OVERSAMPLED * want) for have, want in zip(image.size, size, strict=True))
    if step < 2:
        return image
    _white(image)  # an average would hide what is out of range
    mode = "RGBA" if image.has_transparency_data else "I" if image.mode.startswith("I;16") else image.mode
    mode = {"1": "L", "P": "RGB"}.get(mode, mode)
    small = Image.new(mode, (max(1, round(image.width / step)), max(1, round(image.height / step))))
    across, down = image.width / small.width, image.height / small.height
    # A tile at a time: a conversion of the whole would be another copy of it.
    for left, right in _pieces(small.width, across):
        for top, bottom in _pieces(small.height, down):
            box = left * across, top * down, right * across, bottom * down
            corner = math.floor(box[0]), math.floor(box[1])
            tile = image.crop((*corner, math.ceil(box[2]), math.ceil(box[3]))).convert(mode)
            inner = min(box[2] - corner[0], tile.width), min(box[3] - corner[1], tile.height)
            blocks = (right - left, bottom - top)
            part = tile.resize(blocks, Image.Resampling.BOX, (box[0] - corner[0], box[1] - corner[1], *inner))
            small.paste(part, (left, top))
    return small


def _pieces(length: int, step: float) -> Iterator[tuple[int, int]]:
    """Divide `length` blocks of `step` pixels into pieces of about as many pixels as a tile has along a side."""
    blocks = max(1, int(_TILE / step))
    for start in range(0, length, blocks):
        yield start, min(start + blocks, length)


def _white(image: "Image.Image") -> float:
    """Return the level that stands for white in an image; raise ValueError if its levels are out of range."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return 255
    white = 1 if image.mode == "F" else 65535
    low, high = cast("tuple[float, float]", image.getextrema())
    if not 0 <= low <= high <= white:
        raise ValueError(f"values from {low} to {high}, expected 0 to {white}")
    return white


def _to_array(image: "Image.Image", channels: int) -> NDArray[np.float32]:
    """Return the pixels of an image, (C, H, W) in [0, 1]."""
    white = np.float32(_white(image))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Pillow's own conversion to 8 bits clips these instead of scaling them.
        grey = np.asarray(image, np.float32)
        if np.isnan(grey).any():  # Pillow's extremes do not show NaN
            raise ValueError(f"values from nan to nan, expected 0 to {white:g}")
        return np.repeat(grey[np.newaxis] / white, channels, axis=0)
    if image.mode == "L" and channels == 1 and not image.has_transparency_data:
        return np.asarray(image, np.float32)[np.newaxis] / white  # the general way below is slower
    opaque = _on_paper(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    bands = opaque.convert("L" if channels == 1 else "RGB").split()
    pixels = np.empty((channels, image.height, image.width), np.float32)
    for out, band in zip(pixels, bands, strict=True):
        np.divide(np.asarray(band), white, out=out)
    return pixels


def _on_paper(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    visible = np.asarray(image.convert("L"))[np.asarray(image.getchannel("A")) > 127]
    # Bright ink would vanish on white.
    paper = "black" if visible.size and visible.min() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("RGB")
