"""Modes end with their blocks, whatever happens: in generators, in other tasks and threads, and under interrupts."""

import asyncio
import contextlib
import contextvars
import gc
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn import modes
from autograd_cnn.modes import current, is_grad_enabled
from autograd_cnn.recording.observers import observed_by


def state():
    now = current()
    return now.recording, now.updating, now.observers


class Seen:
    """An observer that does nothing."""

    def forward(self, event):
        pass

    def backward(self, event):
        pass


@given(st.data())
def test_generators_that_end_in_any_order(data):
    """What is on is what the blocks that are still open say."""
    recording, updating, observers = state()

    def block(mode):
        with mode:
            yield

    def check():
        seen = tuple(observer for _, observer in opened if observer is not None)
        assert state() == (recording and all(observer for _, observer in opened), updating, observers + seen)

    opened = []
    for _ in range(data.draw(st.integers(1, 12))):
        if opened and data.draw(st.booleans()):
            opened.pop(data.draw(st.integers(0, len(opened) - 1)))[0].close()
        else:
            observer = data.draw(st.sampled_from([None, Seen()]))
            generator = block(ac.no_grad() if observer is None else observed_by(observer))
            next(generator)
            opened.append((generator, observer))
        check()
    while opened:
        opened.pop(data.draw(st.integers(0, len(opened) - 1)))[0].close()
        check()


async def numbers(mode):
    with mode():
        for i in range(3):
            yield i


MODES = [ac.no_grad, ac.detect_anomaly, ac.profile]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["exhausted", "closed", "dropped", "closed by another task", "left to the loop"])
def test_an_asynchronous_generator_takes_its_mode_back(mode, end):
    before, problems = state(), []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        generator = numbers(mode)
        if end == "exhausted":
            assert [i async for i in generator] == [0, 1, 2]
        else:
            assert await anext(generator) == 0
        if end == "closed":
            await generator.aclose()
        elif end == "closed by another task":
            await asyncio.create_task(generator.aclose())
        elif end == "dropped":
            del generator
            gc.collect()
            for _ in range(3):
                await asyncio.sleep(0)
        elif end == "left to the loop":
            kept.append(generator)
            return
        assert state() == before
        await asyncio.create_task(is_as_before())

    async def is_as_before():
        assert state() == before

    kept = []
    asyncio.run(main())
    assert state() == before
    assert not problems


def test_many_dropped_generators_leave_nothing_behind():
    async def main():
        for _ in range(2000):
            generator = numbers(ac.no_grad)
            await anext(generator)
            await asyncio.create_task(generator.aclose())
        assert is_grad_enabled()
        with ac.no_grad():
            below = current().below
        assert type(below) is modes.Modes

    asyncio.run(main())


def test_nested_blocks_of_a_generator_that_another_context_closes():
    def both():
        with ac.no_grad(), ac.detect_anomaly():
            yield

    before = state()
    generator = both()
    next(generator)
    assert not is_grad_enabled()
    contextvars.copy_context().run(generator.close)
    assert state() == before
    generator = both()
    next(generator)
    closer = threading.Thread(target=generator.close)
    closer.start()
    closer.join()
    assert state() == before


def test_a_generator_of_another_context_takes_nothing_from_this_one():
    def block():
        with ac.no_grad():
            yield

    generator = block()
    contextvars.copy_context().run(next, generator)
    assert is_grad_enabled()
    with ac.no_grad():
        generator.close()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_a_task_begun_inside_keeps_what_it_was_begun_with():
    async def main():
        async def later():
            await asyncio.sleep(0)
            return is_grad_enabled()

        with ac.no_grad():
            task = asyncio.create_task(later())
        assert is_grad_enabled()
        return await task

    assert asyncio.run(main()) is False


def test_two_tasks_have_modes_of_their_own():
    async def main():
        async def one():
            with ac.no_grad():
                await asyncio.sleep(0)
                assert not is_grad_enabled()

        async def other():
            for _ in range(3):
                await asyncio.sleep(0)
                assert is_grad_enabled()

        await asyncio.gather(one(), other())

    asyncio.run(main())


def test_what_is_computed_after_an_odd_ending_is_recorded(rng):
    def block():
        with ac.no_grad():
            yield

    generator = block()
    next(generator)
    contextvars.copy_context().run(generator.close)
    x = ac.Tensor(rng.standard_normal(3), requires_grad=True)
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data)


def test_an_error_inside_ends_every_mode():
    before = state()
    for mode in MODES:
        with contextlib.suppress(KeyError), mode():
            raise KeyError
        assert state() == before
