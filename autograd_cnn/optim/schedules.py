"""Learning rate schedules: functions from the progress of training, 0 to 1, to a share of the highest learning rate.

`training.fit` takes any such function. `constant` and `cosine` are schedules; `step`, `one_cycle` and `warm_up` return
one for the settings they are called with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

Schedule = Callable[[float], float]


def constant(progress: float) -> float:
    """Return 1: the same learning rate throughout.

    Examples
    --------
    >>> from autograd_cnn.optim import schedules
    >>> schedules.constant(0.7)
    1.0
    """
    _check_progress(progress)
    return 1.0


def cosine(progress: float) -> float:
    """Return half a period of a cosine, from 1 down to 0.

    Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts.

    Parameters
    ----------
    progress : float
        The share of training that is done, 0 to 1.

    Returns
    -------
    float
        The share of the learning rate.

    Raises
    ------
    ValueError
        If `progress` is not between 0 and 1, as with every schedule here.

    Examples
    --------
    >>> from autograd_cnn.optim import schedules
    >>> [round(schedules.cosine(progress), 3) for progress in (0, 0.25, 0.5, 1)]
    [1.0, 0.854, 0.5, 0.0]
    """
    _check_progress(progress)
    return (1 + math.cos(math.pi * progress)) / 2


def step(milestones: Iterable[float], factor: float = 0.1) -> Schedule:
    """Return a schedule that falls by a factor at every milestone.

    He, Zhang, Ren and Sun, "Deep residual learning", 2016, section 3.4. PyTorch's MultiStepLR, and StepLR where the
    milestones are evenly spaced.

    Parameters
    ----------
    milestones : iterable of float
        Values of the progress at which the rate falls, in rising order, each above 0 and at most 1.
    factor : float
        What the rate is multiplied by, 0 to 1.

    Raises
    ------
    ValueError
        If the milestones or the factor are out of range.

    Examples
    --------
    >>> from autograd_cnn.optim import schedules
    >>> schedule = schedules.step([0.5, 0.75])
    >>> [round(schedule(progress), 3) for progress in (0, 0.5, 0.7, 1)]
    [1.0, 0.1, 0.1, 0.01]
    """
    places = tuple(milestones)
    if not all(before < place <= 1 for before, place in zip((0, *places), places, strict=False)):
        raise ValueError(f"milestones rise, each above 0 and at most 1; got {list(places)}")
    factor = _share("factor", factor)

    def schedule(progress: float) -> float:
        _check_progress(progress)
        return factor ** sum(place <= progress for place in places)

    return schedule


def one_cycle(warm_up: float = 0.3, start: float = 1 / 25, end: float = 4e-6) -> Schedule:
    """Return a schedule that rises from `start` to 1 and falls to `end`, each along half a cosine.

    Smith and Topin, "Super-convergence", 2018. PyTorch's OneCycleLR with its defaults: start is 1 / div_factor, and
    end is start / final_div_factor. Unlike there, the momentum does not change.

    Parameters
    ----------
    warm_up : float
        The share of training in which the rate rises, at least 0 and below 1.
    start, end : float
        Shares of the learning rate, 0 to 1.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> from autograd_cnn.optim import schedules
    >>> schedule = schedules.one_cycle()
    >>> [round(schedule(progress), 3) for progress in (0, 0.15, 0.3, 0.65, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    warm_up, start, end = _beginning("warm_up", warm_up), _share("start", start), _share("end", end)

    def schedule(progress: float) -> float:
        _check_progress(progress)
        if progress < warm_up:
            return start + (1 - start) * (1 - cosine(progress / warm_up))
        return end + (1 - end) * cosine((progress - warm_up) / (1 - warm_up))

    return schedule


def warm_up(share: float, then: Schedule = cosine) -> Schedule:
    """Return a schedule that rises linearly from 0 to 1, then follows another schedule.

    Goyal and others, "Accurate, large minibatch SGD", 2017, section 2.2: gradual warmup.

    Parameters
    ----------
    share : float
        The share of training in which the rate rises, at least 0 and below 1.
    then : callable
        The schedule for the rest of training, over which its own progress runs from 0 to 1.

    Raises
    ------
    ValueError
        If the share is out of range.
    TypeError
        If `then` is not a function.

    Examples
    --------
    >>> from autograd_cnn.optim import schedules
    >>> schedule = schedules.warm_up(0.2, then=schedules.step([0.5]))
    >>> [round(schedule(progress), 3) for progress in (0, 0.1, 0.2, 0.5, 0.7)]
    [0.0, 0.5, 1.0, 1.0, 0.1]
    """
    share = _beginning("share", share)
    if not callable(then):
        raise TypeError(f"then is a schedule, a function of the progress such as cosine; got {then!r}")

    def schedule(progress: float) -> float:
        _check_progress(progress)
        return progress / share if progress < share else then((progress - share) / (1 - share))

    return schedule


def _check_progress(progress: float) -> None:
    if not 0 <= progress <= 1:
        raise ValueError(
            f"progress is the share of the training that is done, from 0 to 1; got {progress!r}. "
            "Divide the steps done by the steps of the whole training"
        )


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a share of the learning rate, from 0 to 1; got {value!r}")
    return float(value)


def _beginning(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"{name} is a share of the training, at least 0 and below 1; got {value!r}")
    return float(value)
