import numpy as np
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
