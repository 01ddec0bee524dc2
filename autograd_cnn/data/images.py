"""Reading, writing, resizing and inverting images."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError
from autograd_cnn.data.image_files import EXIF_ORIENTATION, decode, lies_on_its_side, most_pixels, open_image

BRIGHT_ON_DARK, DARK_ON_BRIGHT = "bright on dark", "dark on bright"

# From this many pixels on, decoding an image takes longer than handing it to a thread: two threads read files of 28×28
# more slowly than one does, and files of 600×600 faster.
PIXELS_WORTH_A_THREAD = 2**14


def resize(images: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resample images to another size with Pillow's bicubic filter.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        Pixels in [0, 1].
    size : tuple of int
        The new height and width.

    Returns
    -------
    ndarray of float32, shape (N, C, *size)
        Pixels in [0, 1]; `images` itself if it has that size already.

    Raises
    ------
    ValueError
        If `images` is not such an array or has no pixels, or if `size` is not two positive numbers.

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


def read_image(
    path: str | Path, channels: int, size: tuple[int, int] | None = None, *, max_pixels: int | None = None
) -> NDArray[np.float32]:
    """Read an image file as an array for a model.

    PNG, JPEG, BMP, GIF, TIFF, WebP and the PPM family are read, whatever a file is called. All their modes are
    converted: black and white, grey of any depth, palette, colour, CMYK and so on. The orientation in the EXIF data is
    applied. Only the first frame of an animation is read. Transparent pixels become white, or black if all visible
    pixels are bright. An image whose proportions differ from those of `size` is padded evenly with the median colour of
    its border.

    Parameters
    ----------
    path : str or Path
        The file.
    channels : {1, 3}
        1 for grey, or 3 for red, green and blue.
    size : tuple of int, optional
        Height and width of the result; by default those of the file.
    max_pixels : int, optional
        The largest image to decode, by default of 25 million; half as large in WebP, which takes twice the memory.

    Returns
    -------
    ndarray of float32, shape (C, H, W)
        Pixels from 0 (black) to 1 (white).

    Raises
    ------
    DataError
        If the file is missing, not an image, damaged or too large to be decoded, or if `channels` is not 1 or 3.
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
    with warnings_ignored():
        return _read(path, channels, size, max_pixels)


def read_images(
    paths: Sequence[str | Path], channels: int, size: tuple[int, int], *, max_pixels: int | None = None
) -> Iterator[NDArray[np.float32] | DataError]:
    """Read many image files of about the same size, using threads for large ones.

    Parameters
    ----------
    paths : sequence of str or Path
        The files.
    channels : {1, 3}
        As in `read_image`.
    size : tuple of int
        Height and width of the results.
    max_pixels : int, optional
        As in `read_image`.

    Yields
    ------
    ndarray of float32, shape (C, H, W), or DataError
        For each file, the image that `read_image` returns or the error that it raises.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "white.png"), np.ones((1, 8, 8), np.float32))
    ...     white, none = read_images([Path(folder, "white.png"), Path(folder, "none.png")], 1, (4, 4))
    >>> white.shape, type(none).__name__
    ((1, 4, 4), 'DataError')
    """
    most = most_pixels(max_pixels)  # here, because each thread has its own context

    def read(path: str | Path) -> NDArray[np.float32] | DataError:
        try:
            return _read(path, channels, size, most)
        except DataError as error:
            return error

    # Warning filters belong to the process, so threads must not each set and restore them.
    with warnings_ignored():
        if size[0] * size[1] < PIXELS_WORTH_A_THREAD:
            yield from map(read, paths)
        else:
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
                yield from threads.map(read, paths)


def image_sizes(paths: Sequence[str | Path], *, max_pixels: int | None = None) -> Iterator[tuple[int, int] | None]:
    """Yield the height and width in the header of each image file, or None if it cannot be read or is too large."""
    with warnings_ignored():
        for path in paths:
            try:
                with open_image(path, max_pixels) as image:
                    # Without this test Pillow would decode a whole PNG to look for EXIF data after the pixels.
                    lies = "exif" in image.info and lies_on_its_side(image.getexif().get(EXIF_ORIENTATION, 1))
                    yield image.size if lies else image.size[::-1]
            except Exception:  # noqa: BLE001 -- Pillow's readers may raise anything on a damaged file
                yield None


def bright_on_dark(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert an image of dark ink on white paper, because digits are bright on dark here.

    An image is inverted if the median of its border, the outermost pixels, is greater than 0.5.

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
    return 1 - image if np.median(border(image)) > 0.5 else image


def polarity(images: NDArray[np.float32]) -> str:
    """Return the polarity of images, by the rule of `bright_on_dark`.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    {"bright on dark", "dark on bright", "mixed"}
        One of the first two if at least nine in ten images agree.

    See Also
    --------
    with_polarity : convert an image to a polarity.

    Examples
    --------
    >>> polarity(np.ones((5, 1, 3, 3), np.float32))
    'dark on bright'
    """
    bright = np.mean(np.median(border(images), axis=(-2, -1)) > 0.5)
    return BRIGHT_ON_DARK if bright <= 0.1 else DARK_ON_BRIGHT if bright >= 0.9 else "mixed"


def with_polarity(image: NDArray[np.float32], polarity: str) -> NDArray[np.float32]:
    """Return an image (C, H, W), inverted if its polarity is not `polarity`; unchanged if that is "mixed".

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
    """Write an image to a file; the ending of the name, such as `.png`, decides the format.

    Parameters
    ----------
    path : str or Path
        The file; an existing one is replaced.
    image : ndarray of float32, shape (1, H, W) or (3, H, W)
        Pixels from 0 (black) to 1 (white), stored in 8 bits.

    Raises
    ------
    ValueError
        If `image` is not such an array, or if Pillow does not know the format.

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
def warnings_ignored() -> Iterator[None]:
    """Silence Pillow's warnings about odd metadata, and about large images, for which there is a limit here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(path: str | Path, channels: int, size: tuple[int, int] | None, max_pixels: int | None) -> NDArray[np.float32]:
    pixels, shape = decode(path, channels, size, max_pixels)
    return pixels if size is None else _fit(pixels, shape, size)


def _fit(image: NDArray[np.float32], shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return `image` resized to `size`, padded with the median colour of its border to keep the proportions `shape`."""
    if image.shape[1:] == size == shape:
        return image
    scale = min(size[0] / shape[0], size[1] / shape[1])
    height, width = (max(1, round(length * scale)) for length in shape)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    fitted = np.empty((len(image), *size), np.float32)
    fitted[:] = np.median(border(image), axis=1)[:, np.newaxis, np.newaxis]
    fitted[:, top : top + height, left : left + width] = resize(image[np.newaxis], (height, width))[0]
    return fitted


def border(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outermost pixels of each channel, (…, C, 2H + 2W)."""
    return np.concatenate([image[..., 0, :], image[..., -1, :], image[..., 0], image[..., -1]], axis=-1)
