"""Tell ink from paper: how much ink there is at each point of a picture, whatever the colours and the light."""

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.handwriting.components import label_components
from autograd_cnn.data.handwriting.filters import Mask, Picture, blur, closed, grown, ring_median
from autograd_cnn.data.images import border, resize

#: In pixels: longer side of the picture in which paper is first estimated, and extents of the rings whose median it is.
COARSE, RINGS = 48, ((6, 9), (16, 20))

#: What counts as near the border, as a share of the way from there to the middle.
NEAR_BORDER = 0.15

#: A drawing, unlike a photograph, has a flat background: this share of its border differs by at most this from one
#: level.
FLAT_SHARE, FLAT = 0.5, 0.004

#: Differences from paper are divided by its brightness plus this level, below which a camera sees little but noise.
DARKEST = 0.1

#: The faintest ink: a lower contrast comes from the paper's texture or from noise.
FAINTEST = 0.08

#: Longer side of the smallest digit, as a share of the picture's.
SMALLEST = 0.06


def find_ink(image: Picture) -> Picture:
    """Return how much ink is at each point of a picture, relative to most of the ink.

    The background is estimated twice: roughly, to learn the colour of the ink and the width of its strokes, then as
    what remains when everything narrower than these strokes has been filled.

    Parameters
    ----------
    image : ndarray of float32, shape (C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    ndarray of float32, shape (H, W)
        About 0 on paper, about 1 in ink. All 0 if nothing stands out.
    """
    smooth = blur(image, 1.0)
    half = tuple(-(-length // 2) for length in image.shape[1:])
    small = resize(smooth[np.newaxis], half)[0]
    estimates = [_paper_and_direction(small, rough) for rough in rough_papers(small)]
    weights = np.array([separability(_ink(small, *estimate)) for estimate in estimates])
    # Paper inside a loop may look like ink. So a weighted vote of the estimates decides whether ink is darker than
    # paper.
    darker = np.array([direction.sum() < 0 for _, direction in estimates])
    agreeing = darker == (weights[darker].sum() >= weights[~darker].sum())
    paper, direction = estimates[int(np.where(agreeing, weights, -1).argmax())]
    return _ink(smooth, resize(paper[np.newaxis], image.shape[1:])[0], direction)


def _paper_and_direction(image: Picture, paper: Picture) -> tuple[Picture, NDArray[np.float32]]:
    """Return a better estimate of the paper than a rough one, (C, H, W), and the direction of the ink, (C,)."""
    direction = np.ones(len(image), np.float32)
    for _ in range(2):
        direction, mask = find_strokes(relative_difference(image, paper))
        if mask.any():
            paper = paper_between(image, direction, thickness(mask))
    return paper, direction


def _ink(image: Picture, paper: Picture, direction: NDArray[np.float32]) -> Picture:
    ink: Picture = np.tensordot(direction, relative_difference(image, paper), 1)
    threshold = ink_threshold(ink)
    noise = float(np.median(np.abs(ink - np.median(ink)))) / 0.6745  # a standard deviation, whatever the ink
    if not max(FAINTEST / 2, 3 * noise) < threshold < np.inf:
        return np.zeros_like(ink)
    ink /= np.float32(2 * threshold)
    return ink


def separability(ink: Picture) -> float:
    """Return the share of the variance that lies between the values above a half and those below.

    N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979.
    """
    above = ink > 0.5
    share = above.mean()
    if share in (0, 1):
        return 0.0
    return float(share * (1 - share) * (ink[above].mean() - ink[~above].mean()) ** 2 / ink.var())


def find_strokes(difference: Picture) -> tuple[NDArray[np.float32], Mask]:
    """Return the direction in colour of the ink, (C,), and a mask (H, W) of it, empty if nothing stands out.

    Parts that reach the picture's edge are taken for a shadow or a table rather than ink, if there are others.
    """
    strength = np.sqrt((difference**2).sum(0))
    inner = without_border_parts(strength > ink_threshold(strength))
    direction = principal_direction(difference[:, inner])
    ink = np.tensordot(direction, difference, 1)
    if (ink[inner] ** 3).sum() < 0:
        direction, ink = -direction, -ink
    return direction, without_border_parts(ink > ink_threshold(ink))


def without_border_parts(mask: Mask) -> Mask:
    """Return a mask without the parts that touch its border, or unchanged if the others are too small."""
    labels, _ = label_components(mask)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inner = mask & ~np.isin(labels, edge)
    y, x = np.nonzero(inner)
    return inner if y.size and max(np.ptp(y), np.ptp(x)) >= SMALLEST * max(mask.shape) else mask


def rough_papers(image: Picture) -> list[Picture]:
    """Return first estimates of the paper without ink, (C, H, W).

    If the border is flat, as in a drawing, its level is the paper. Otherwise an estimate is the median of a ring about
    each point, which follows the edges of shadows. A ring has to be wider than the strokes, and they are not known yet,
    so there are several. The last estimate is for a digit that fills the picture.
    """
    edge = border(image)
    level = np.median(edge, axis=1)[:, np.newaxis]
    if np.mean(np.all(np.abs(edge - level) < FLAT, axis=0)) >= FLAT_SHARE:
        return [np.broadcast_to(level[:, :, np.newaxis], image.shape)]
    height, width = image.shape[1:]
    scale = min(1.0, COARSE / max(height, width))
    coarse = resize(image[np.newaxis], (max(1, round(height * scale)), max(1, round(width * scale))))[0]
    estimates = [*(ring_median(coarse, *ring) for ring in RINGS), paper_from_border(coarse)]
    return [resize(np.clip(estimate, 0, 1)[np.newaxis], (height, width))[0] for estimate in estimates]


def paper_from_border(image: Picture) -> Picture:
    """Return a quadratic function of position, (C, H, W), fitted to most of what is near the border of an image."""
    height, width = image.shape[1:]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    near = np.maximum(np.abs(x), np.abs(y)) > 1 - NEAR_BORDER
    kept = near
    for _ in range(4):
        weights, *_ = np.linalg.lstsq(terms[kept], image[:, kept].T, rcond=None)
        fitted: Picture = np.moveaxis(terms @ weights, -1, 0).astype(np.float32)
        off = np.abs(image - fitted).max(0)
        kept = near & (off <= max(2 * float(np.median(off[near])), FLAT))
    return fitted


def relative_difference(image: Picture, paper: Picture) -> Picture:
    """Return by what share of the paper's brightness each channel differs from it; shadows do not change that."""
    difference: Picture = (image - paper) / (paper + np.float32(DARKEST))
    return difference


def principal_direction(difference: Picture) -> NDArray[np.float32]:
    """Return the first principal component (C,) of differences (C, N)."""
    _, vectors = np.linalg.eigh(difference @ difference.T)
    return vectors[:, -1].astype(np.float32)


def ink_threshold(ink: Picture) -> float:
    """Return the threshold that is half of the mean of the values above it, with paper at 0.

    T. W. Ridler and S. Calvard, "Picture Thresholding Using an Iterative Selection Method", 1978.
    """
    threshold = float(ink.max()) / 2
    for _ in range(20):
        above = ink[ink > threshold]
        if not above.size:
            return float(np.inf)
        last, threshold = threshold, float(above.mean()) / 2
        if abs(threshold - last) < 1e-4:
            break
    return threshold


def thickness(mask: Mask) -> int:
    """Return the width in pixels of the widest stroke in a mask: twice the number of times that it can be eroded."""
    times = 0
    while mask.any():
        mask = ~grown(~mask, 1)
        times += 1
    return 2 * times


def paper_between(image: Picture, direction: NDArray[np.float32], width: int) -> Picture:
    """Return the paper (C, H, W): the image with all that is narrower than `width`, and of the ink's colour, filled."""
    side = 2 * (width // 2 + width // 4) + 3
    smooth = blur(image, 1.0)
    channels = [
        closed(channel, side) if sign < 0 else 1 - closed(1 - channel, side)
        for channel, sign in zip(smooth, direction, strict=True)
    ]
    return blur(np.stack(channels), side / 6)
