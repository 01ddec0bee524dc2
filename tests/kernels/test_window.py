import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_cnn.kernels import Window

settings = st.tuples(*[st.integers(1, 3)] * 3, st.integers(0, 2), st.integers(1, 9), st.booleans())


@given(settings, settings)
def test_places_are_those_that_fit_counted_one_by_one(vertical, horizontal):
    axes = [vertical, horizontal]
    window = Window(*[tuple(axis[i] for axis in axes) for i in (0, 1)], padding=(vertical[3], horizontal[3]),
                    dilation=(vertical[2], horizontal[2]), ceil_mode=vertical[5])  # fmt: skip
    image = vertical[4], horizontal[4]
    for axis in (0, 1):
        padded = image[axis] + 2 * window.padding[axis]
        # Pooling allows padding up to half the window, and convolution has no ceil mode.
        assume(window.extent[axis] <= padded)
        assume(not window.ceil_mode or 2 * window.padding[axis] <= window.size[axis])
        starts = range(0, padded + 9, window.stride[axis])
        fit = [s for s in starts if s + window.extent[axis] <= padded]
        if window.ceil_mode:  # one more may hang over the end, if it starts before the end of the image
            hanging = [s for s in starts if s > fit[-1] and fit[-1] + window.extent[axis] < padded]
            fit += [s for s in hanging[:1] if s < image[axis] + window.padding[axis]]
        # Ceil mode also leaves out a window that fits but starts in the padding at the end.
        if window.ceil_mode:
            fit = [s for s in fit if s < image[axis] + window.padding[axis]] or fit[:1]
        assert window.positions(image)[axis] == len(fit)
        assert window.padded(image)[axis] == max(padded, fit[-1] + window.extent[axis])


def test_visits_and_taps():
    window = Window((2, 3), stride=(2, 1), dilation=(3, 2))
    assert window.extent == (4, 5)
    assert window.rows(1, 3) == slice(3, 8, 2)
    assert window.columns(2, 3) == slice(4, 7, 1)
    assert list(window.taps()) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert window.overlaps
    assert not Window((2, 2), stride=(2, 2)).overlaps


@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_window_misses_the_image_with_every_setting_along_an_axis(axis, ceil_mode):
    for size, stride, dilation, padding, length in itertools.product(
        (1, 2, 3), (1, 2, 3), (1, 2, 3), range(4), (1, 2, 3, 5)
    ):
        window = Window(*[(n, 1) if axis == 0 else (1, n) for n in (size, stride)], (0, 0), (1, 1), ceil_mode)
        window = window._replace(
            padding=(padding, 0) if axis == 0 else (0, padding), dilation=(dilation, 1) if axis == 0 else (1, dilation)
        )
        image = (length, 2) if axis == 0 else (2, length)
        if window.extent[axis] > length + 2 * padding:
            continue
        starts = range(-padding, -padding + window.positions(image)[axis] * stride, stride)
        seen = [any(0 <= start + tap * dilation < length for tap in range(size)) for start in starts]
        assert window.misses(image) == (not all(seen))


@given(settings, settings)
def test_a_window_misses_the_image_where_all_its_taps_do(vertical, horizontal):
    axes = [vertical, horizontal]
    window = Window(*[tuple(axis[i] for axis in axes) for i in (0, 1)], padding=(vertical[3], horizontal[3]),
                    dilation=(vertical[2], horizontal[2]), ceil_mode=vertical[5])  # fmt: skip
    image = vertical[4], horizontal[4]
    assume(all(e <= n + 2 * p for e, n, p in zip(window.extent, image, window.padding, strict=True)))
    seen = np.zeros(window.positions(image), bool)
    for i, j in np.ndindex(*seen.shape):
        for tap in window.taps():
            place = [
                at * s - p + t * d
                for at, s, p, t, d in zip((i, j), window.stride, window.padding, tap, window.dilation, strict=True)
            ]
            seen[i, j] |= all(0 <= a < n for a, n in zip(place, image, strict=True))
    assert window.misses(image) == (not seen.all())
