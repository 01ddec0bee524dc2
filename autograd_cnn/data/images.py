"""Images in and out: files of any kind that Pillow reads, and arrays of any size."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError

if TYPE_CHECKING:
    from PIL import Image

EXPECTED = "expected an image file, such as a PNG or a JPEG"
BRIGHT_ON_DARK, DARK_ON_BRIGHT = "bright on dark", "dark on bright"
EXIF_ORIENTATION = 0x0112  # above 4, the image lies on its side

# From this many pixels on, decoding an image takes longer than handing it to a thread: files of 28×28 took 57 µs
# each with one thread and 150 µs with two, files of 600×600 1,720 µs and 950 µs.
PIXELS_WORTH_A_THREAD = 2**14


def resize(images: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resample images to another size, as Pillow's bicubic filter does.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        Pixels in [0, 1].
    size : tuple of int
        Height and width wanted.

    Returns
    -------
    ndarray of float32, shape (N, C, *size)
        Pixels in [0, 1]; `images` itself where it has that size.

    Raises
    ------
    ValueError
        If `images` is not such an array, has no pixels, or `size` is not two positive numbers.

    Examples
    --------
    >>> from autograd_cnn.data import load
    >>> resize(load("digits", "test").images, (28, 28)).shape
    (360, 1, 28, 28)
    """
    if images.ndim != 4 or images.dtype != np.float32 or 0 in images.shape[2:]:
        raise ValueError(
            f"images are {images.dtype} of shape {images.shape}: expected float32 of shape (N, C, H, W), not empty"
        )
    _check_size(size)
    if images.shape[2:] == tuple(size):
        return images
    from PIL import Image

    resized = np.empty((*images.shape[:2], *size), np.float32)
    for index in np.ndindex(images.shape[:2]):
        resized[index] = Image.fromarray(images[index]).resize(size[::-1], Image.Resampling.BICUBIC)
    # The filter overshoots beside sharp edges.
    return np.clip(resized, 0, 1, out=resized)


def read_image(path: str | Path, channels: int, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Read an image file as a model wants it.

    Every mode of Pillow's is converted: black and white, grey of any depth, palette, colour, CMYK and so on.
    The orientation that a camera noted is applied. Of an animation the first frame is read. Transparent
    pixels become white, or black if nothing that can be seen is dark. An image of other proportions than
    `size` is padded evenly with the median colour of its border.

    Parameters
    ----------
    path : str or Path
        The file.
    channels : {1, 3}
        Grey, or red, green and blue.
    size : tuple of int, optional
        Height and width wanted; the file's own if not given.

    Returns
    -------
    ndarray of float32, shape (C, H, W)
        Pixels from 0 (black) to 1 (white).

    Raises
    ------
    DataError
        If the file is missing, not an image, damaged or too large, or `channels` is not 1 or 3.
    ValueError
        If `size` is not two positive numbers.

    See Also
    --------
    bright_on_dark : invert dark ink on white paper.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "white.png"), np.ones((1, 8, 8), np.float32))
    ...     read_image(Path(folder, "white.png"), channels=3, size=(28, 28)).shape
    (3, 28, 28)
    """
    if channels not in (1, 3):
        raise DataError(f"{path} cannot be read with {channels} channels: expected 1 (grey) or 3 (colour)")
    if size is not None:
        _check_size(size)
    with _warnings_settled():
        return _read(path, channels, size)


def read_images(
    paths: Sequence[str | Path], channels: int, size: tuple[int, int]
) -> Iterator[NDArray[np.float32] | DataError]:
    """Read many image files of about the same size, large ones in threads.

    Parameters
    ----------
    paths : sequence of str or Path
        The files.
    channels : {1, 3}
        As for `read_image`.
    size : tuple of int
        Height and width wanted.

    Yields
    ------
    ndarray of float32, shape (C, H, W), or DataError
        For each file the image that `read_image` gives, or the error that it raises.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "white.png"), np.ones((1, 8, 8), np.float32))
    ...     white, none = read_images([Path(folder, "white.png"), Path(folder, "none.png")], 1, (4, 4))
    >>> white.shape, type(none).__name__
    ((1, 4, 4), 'DataError')
    """

    def read(path: str | Path) -> NDArray[np.float32] | DataError:
        try:
            return _read(path, channels, size)
        except DataError as error:
            return error

    # Filters of warnings belong to the process: threads that each set and restored them would mix them up.
    with _warnings_settled():
        if size[0] * size[1] < PIXELS_WORTH_A_THREAD:
            yield from map(read, paths)
        else:
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
                yield from threads.map(read, paths)


def image_sizes(paths: Sequence[str | Path]) -> Iterator[tuple[int, int] | None]:
    """Yield height and width of each image file as its header has them, or None where it cannot be read."""
    from PIL import Image

    with _warnings_settled():
        for path in paths:
            try:
                with Path(path).open("rb") as file, Image.open(file) as image:
                    # Without this test Pillow would decode a PNG to find a camera's notes after the pixels.
                    lies = "exif" in image.info and image.getexif().get(EXIF_ORIENTATION, 1) > 4
                    yield image.size if lies else image.size[::-1]
            except Exception:  # noqa: BLE001 -- Pillow's readers let out whatever a damaged file leads them to
                yield None


def bright_on_dark(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert an image of dark ink on white paper, as digits are bright on dark here.

    The rule: where the median of the border, the outermost pixels, is above 0.5, the image is inverted.

    Parameters
    ----------
    image : ndarray of float32, shape (C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    ndarray of float32, shape (C, H, W)
        `1 - image`, or `image` itself.

    Examples
    --------
    >>> bright_on_dark(np.ones((1, 3, 3), np.float32)).max()
    np.float32(0.0)
    """
    return 1 - image if np.median(_border(image)) > 0.5 else image


def polarity(images: NDArray[np.float32]) -> str:
    """Return which way round images are, by the rule of `bright_on_dark`.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    {"bright on dark", "dark on bright", "mixed"}
        One of the first two where nine images of ten are alike.

    See Also
    --------
    with_polarity : turn an image that way round.

    Examples
    --------
    >>> polarity(np.ones((5, 1, 3, 3), np.float32))
    'dark on bright'
    """
    bright = np.mean(np.median(_border(images), axis=(-2, -1)) > 0.5)
    return BRIGHT_ON_DARK if bright <= 0.1 else DARK_ON_BRIGHT if bright >= 0.9 else "mixed"


def with_polarity(image: NDArray[np.float32], polarity: str) -> NDArray[np.float32]:
    """Return an image (C, H, W), inverted if it is not of that `polarity`; as it is if that is "mixed".

    Examples
    --------
    >>> with_polarity(np.zeros((1, 3, 3), np.float32), "dark on bright").min()
    np.float32(1.0)
    """
    if polarity not in (BRIGHT_ON_DARK, DARK_ON_BRIGHT):
        return image
    bright = bright_on_dark(image)
    return bright if polarity == BRIGHT_ON_DARK else 1 - bright


def write_image(path: str | Path, image: NDArray[np.float32]) -> None:
    """Write an image to a file, of the kind that the name ends in, such as `.png`.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    image : ndarray of float32, shape (1, H, W) or (3, H, W)
        Pixels from 0 (black) to 1 (white), stored in 8 bits.

    Raises
    ------
    ValueError
        If `image` is not such an array, or Pillow knows no such kind of file.

    Examples
    --------
    See `read_image`.
    """
    from PIL import Image

    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape or image.dtype != np.float32:
        raise ValueError(
            f"image is {image.dtype} of shape {image.shape}: expected float32 of shape (1, H, W) or (3, H, W)"
        )
    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, -1)).save(path)


def _check_size(size: tuple[int, int]) -> None:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}: expected a height and a width, each 1 or more")


@contextmanager
def _warnings_settled() -> Iterator[None]:
    """Silence Pillow's warnings, of odd metadata, but for an image so large that it may be an attack."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _read(path: str | Path, channels: int, size: tuple[int, int] | None) -> NDArray[np.float32]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Path(path).open("rb") as file, Image.open(file) as image:
            pixels = _to_array(ImageOps.exif_transpose(image), channels)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = f"expected at most {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise DataError(f"{path} is too large an image: {limit}; make it smaller") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image of a kind that Pillow knows: {EXPECTED}") from error
    except Exception as error:  # Pillow's readers let out whatever a damaged file leads them to
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path} cannot be read ({reason}): {EXPECTED}") from error
    return pixels if size is None else _fit(pixels, size)


def _to_array(image: "Image.Image", channels: int) -> NDArray[np.float32]:
    """Return the pixels of an image, (C, H, W) in [0, 1]."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Pillow's own conversion to 8 bits clips these in place of scaling them.
        limit = 1 if image.mode == "F" else 65535
        grey = np.asarray(image, np.float32)
        if not 0 <= grey.min() <= grey.max() <= limit:
            raise ValueError(f"values from {grey.min()} to {grey.max()}, expected 0 to {limit}")
        return np.repeat(grey[np.newaxis] / np.float32(limit), channels, axis=0)
    if image.mode == "L" and channels == 1 and not image.has_transparency_data:
        return np.asarray(image, np.float32)[np.newaxis] / np.float32(255)  # what follows gives the same, slower
    opaque = _on_paper(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    bands = opaque.convert("L" if channels == 1 else "RGB").split()
    return np.stack([np.asarray(band, np.float32) for band in bands]) / np.float32(255)


def _on_paper(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    visible = np.asarray(image.convert("L"))[np.asarray(image.getchannel("A")) > 127]
    # Bright ink would vanish on white.
    paper = "black" if visible.size and visible.min() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("RGB")


def _fit(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return `image` resized to `size`, its proportions kept by padding with its border's median colour."""
    if image.shape[1:] == size:
        return image
    scale = min(size[0] / image.shape[1], size[1] / image.shape[2])
    height, width = (max(1, round(length * scale)) for length in image.shape[1:])
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    fitted = np.empty((len(image), *size), np.float32)
    fitted[:] = np.median(_border(image), axis=1)[:, np.newaxis, np.newaxis]
    fitted[:, top : top + height, left : left + width] = resize(image[np.newaxis], (height, width))[0]
    return fitted


def _border(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outermost pixels of each channel, (…, C, 2H + 2W)."""
    return np.concatenate([image[..., 0, :], image[..., -1, :], image[..., 0], image[..., -1]], axis=-1)
