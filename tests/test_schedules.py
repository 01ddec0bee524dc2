"""Schedules against their formulas, their laws, and PyTorch's schedulers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import training
from autograd_cnn.optim import schedules
from autograd_cnn.optim.schedules import constant, cosine, one_cycle, step, warm_up

progresses, shares = st.floats(0, 1), st.floats(0, 1)
beginnings = st.floats(0, 1, exclude_max=True)
milestones = st.lists(st.floats(0, 1, exclude_min=True), max_size=4, unique=True).map(sorted)
anything = st.one_of(
    st.just(constant),
    st.just(cosine),
    st.builds(step, milestones, shares),
    st.builds(one_cycle, beginnings, shares, shares),
    st.builds(warm_up, beginnings, st.one_of(st.just(cosine), st.builds(step, milestones, shares))),
)


@given(anything, progresses)
def test_every_share_is_a_number_between_0_and_1(schedule, progress):
    share = schedule(progress)
    assert type(share) is float
    assert 0 <= share <= 1


@given(anything, st.one_of(st.floats(max_value=0, exclude_max=True), st.floats(min_value=1, exclude_min=True)))
def test_progress_outside_of_the_training_is_refused(schedule, progress):
    with pytest.raises(ValueError, match="progress is the share of the training that is done, from 0 to 1; got"):
        schedule(progress)


@pytest.mark.parametrize("schedule", [constant, cosine, step([0.5]), one_cycle(), warm_up(0.1)])
def test_progress_that_is_not_a_number_is_refused(schedule):
    with pytest.raises(ValueError, match="progress is the share of the training that is done, from 0 to 1; got nan"):
        schedule(float("nan"))


@given(progresses)
def test_constant_and_cosine_by_definition(progress):
    assert constant(progress) == 1
    assert cosine(progress) == pytest.approx(math.cos(math.pi * progress / 2) ** 2, abs=1e-15)


def test_the_ends_are_exact():
    assert [cosine(x) for x in (0, 1)] == [1, 0]
    assert [warm_up(0.3)(x) for x in (0, 0.3, 1)] == [0, 1, 0]
    assert [one_cycle(0.3, 0.1, 0.01)(x) for x in (0, 0.3, 1)] == [0.1, 1, 0.01]
    assert [one_cycle()(x) for x in (0, 0.3, 1)] == [1 / 25, 1, 4e-6]
    assert one_cycle(0)(0) == warm_up(0)(0) == 1
    assert step([])(1) == step([0.5], 0)(0.4) == 1


@given(milestones, shares, progresses)
def test_step_by_definition(places, factor, progress):
    share = 1.0
    for place in places:
        if progress >= place:
            share *= factor
    assert step(iter(places), factor)(progress) == pytest.approx(share)


@given(beginnings, shares, shares, progresses)
def test_one_cycle_by_definition(rise, start, end, progress):
    if progress < rise:
        expected = start + (1 - start) * (1 - math.cos(math.pi * progress / rise)) / 2
    else:
        expected = end + (1 - end) * (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2
    assert one_cycle(rise, start, end)(progress) == pytest.approx(expected, abs=1e-12)


@given(beginnings, progresses)
def test_warm_up_by_definition(share, progress):
    schedule = warm_up(share, then=lambda rest: 0.5 * rest)
    expected = progress / share if progress < share else 0.5 * (progress - share) / (1 - share)
    assert schedule(progress) == pytest.approx(expected)


@given(st.floats(0.05, 0.95), shares, shares, st.floats(0, 1 - 1e-6))
def test_what_should_be_continuous_is(share, start, end, progress):
    """Half a cosine over a share of the training is nowhere steeper than π / 2 / share, and a line is less steep."""
    for schedule in (cosine, one_cycle(share, start, end), warm_up(share), warm_up(share, constant)):
        assert abs(schedule(progress + 1e-6) - schedule(progress)) <= 1.6e-6 / min(share, 1 - share)


@given(beginnings, shares, shares, progresses, progresses)
def test_rates_rise_and_then_fall(share, start, end, a, b):
    earlier, later = sorted((a, b))
    for schedule in (cosine, one_cycle(share, start, end), warm_up(share)):
        peak = 0 if schedule is cosine else share
        if later < peak:
            assert schedule(earlier) <= schedule(later) + 1e-15
        elif earlier >= peak:
            assert schedule(earlier) >= schedule(later) - 1e-15


class TestAgainstPyTorch:
    """The learning rate of each of `count` steps, and ours at the progress where they have it."""

    @staticmethod
    def rates(make, count):
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return rates

    @given(st.integers(1, 40))
    def test_cosine(self, count):
        theirs = self.rates(lambda lr, optimizer: lr.CosineAnnealingLR(optimizer, count), count)
        np.testing.assert_allclose([cosine(i / count) for i in range(count)], theirs, atol=1e-12)

    @given(st.integers(1, 40), st.integers(1, 15), st.sampled_from([0.1, 0.5, 1.0]))
    def test_even_steps(self, count, size, factor):
        theirs = self.rates(lambda lr, optimizer: lr.StepLR(optimizer, size, factor), count)
        ours = step([i / count for i in range(size, count, size)], factor)
        np.testing.assert_allclose([ours(i / count) for i in range(count)], theirs)

    @given(st.integers(2, 40), st.data())
    def test_steps(self, count, data):
        places = sorted(data.draw(st.sets(st.integers(1, count - 1))))
        theirs = self.rates(lambda lr, optimizer: lr.MultiStepLR(optimizer, places), count)
        ours = step([i / count for i in places])
        np.testing.assert_allclose([ours(i / count) for i in range(count)], theirs)

    @given(st.integers(5, 40), st.sampled_from([0.3, 0.5, 0.8]))
    def test_one_cycle(self, count, share):
        """Theirs goes from the first step to the last, and is at its peak one step before a share of them is done."""
        theirs = self.rates(lambda lr, optimizer: lr.OneCycleLR(optimizer, 1.0, count, pct_start=share), count)
        ours = one_cycle((share * count - 1) / (count - 1))
        np.testing.assert_allclose([ours(i / (count - 1)) for i in range(count)], theirs, atol=1e-12)

    @given(st.integers(1, 15), st.integers(1, 30))
    def test_warm_up(self, rise, rest):
        def make(lr, optimizer):
            line = lr.LinearLR(optimizer, start_factor=1e-15, total_iters=rise)
            return lr.SequentialLR(optimizer, [line, lr.CosineAnnealingLR(optimizer, rest)], [rise])

        count = rise + rest
        ours = warm_up(rise / count)
        np.testing.assert_allclose([ours(i / count) for i in range(count)], self.rates(make, count), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step([0.5, 0.5]), r"milestones rise, each above 0 and at most 1; got \[0.5, 0.5\]"),
        (lambda: step([0]), r"milestones rise, each above 0 and at most 1; got \[0\]"),
        (lambda: step([30, 60]), r"milestones rise, each above 0 and at most 1; got \[30, 60\]"),
        (lambda: step([float("nan")]), "milestones rise"),
        (lambda: step([0.5], 1.5), "factor is a share of the learning rate, from 0 to 1; got 1.5"),
        (lambda: one_cycle(1), "warm_up is a share of the training, at least 0 and below 1; got 1"),
        (lambda: one_cycle(start=25), "start is a share of the learning rate, from 0 to 1; got 25"),
        (lambda: one_cycle(end=float("nan")), "end is a share of the learning rate, from 0 to 1; got nan"),
        (lambda: warm_up(5), "share is a share of the training, at least 0 and below 1; got 5"),
        (lambda: warm_up(0.1, then=0.5), "then is a schedule, a function of the progress such as cosine; got 0.5"),
    ],
)
def test_odd_settings_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_the_training_loop_falls_along_the_cosine():
    assert training.fit.__kwdefaults__["schedule"] is schedules.cosine
