"""Forked processes, and signals: in processes of their own, with a limit of time, as what fails would wait for ever."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that signals")

START = """
import functools, gc, multiprocessing, os, signal, sys, threading, time, warnings
import numpy as np
import autograd_cnn as ac
from autograd_cnn.kernels import threads

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork beside threads: that is what is tried
threads.SMALLEST_WORK = 0
ac.set_num_threads(2)
rng = np.random.default_rng(0)
x, weight = rng.standard_normal((4, 8, 16, 16)), rng.standard_normal((8, 8, 3, 3))

def convolve():
    return ac.conv2d(x, weight, padding=1)

def train():
    w = ac.Tensor(weight, requires_grad=True)
    for _ in range(3):
        loss = (ac.conv2d(x, w, padding=1) * ac.linear(x, x[0, 0])).sum()
        loss.backward()
    return w.grad

expected, slope = convolve(), train()

def same():
    return np.array_equal(convolve(), expected) and np.array_equal(train(), slope)
"""


def run(script, **environment):
    """Run a script in a process of its own, and give what it prints."""
    # Interrupting or forking a process that coverage measures can hang it.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**ours, "OPENBLAS_NUM_THREADS": "2", **environment}
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(script)], env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@forks
def test_a_forked_child_and_its_parent_go_on():
    assert run("""
        for _ in range(5):
            child = os.fork()
            if not child:
                os._exit(0 if same() and ac.get_num_threads() == 2 else 1)
            assert os.waitpid(child, 0)[1] == 0
            assert same()
        print("fine")
        """) == ["fine"]


@forks
def test_a_childs_child():
    assert run("""
        child = os.fork()
        if not child:
            convolve()
            grandchild = os.fork()
            if not grandchild:
                os._exit(0 if same() else 1)
            os._exit(1 if os.waitpid(grandchild, 0)[1] else 0)
        print(os.waitpid(child, 0)[1])
        """) == ["0"]


@forks
def test_a_pool_of_forked_processes():
    assert run("""
        def work(_):
            return same()

        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert pool.map(work, range(6)) == [True] * 6
        assert same()
        print("fine")
        """) == ["fine"]


@forks
def test_a_fork_while_other_threads_compute():
    """Nothing of what they were in the middle of, a kernel or the end of a backward pass, holds up the child."""
    assert run(
        """
        done = threading.Event()

        def compute():
            while not done.is_set():
                assert same()

        others = [threading.Thread(target=compute) for _ in range(2)]
        for other in others:
            other.start()
        for i in range(20):
            time.sleep(0.003 * (i % 5))
            child = os.fork()
            if not child:
                signal.alarm(20)
                os._exit(0 if same() else 1)
            assert os.waitpid(child, 0)[1] == 0
        done.set()
        for other in others:
            other.join()
        print("fine")
        """,
        OPENBLAS_NUM_THREADS="1",
    ) == ["fine"]


@signals
def test_an_interrupt_leaves_all_gradients_or_none():
    """A timer's signal raises at a few thousand moments of a step; the gradients of all leaves tell of one pass."""
    seen = run("""
        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        signal.signal(signal.SIGALRM, stop)
        leaves = [ac.Tensor(np.ones(2 + i % 3), requires_grad=True) for i in range(40)]

        def backward():
            ac.concatenate(leaves).sum().backward()

        gc.disable()  # what a destructor raises is lost
        backward()
        passes, counts = 1, [0, 0]
        start = time.perf_counter()
        for _ in range(50):
            backward()
            passes += 1
        step = (time.perf_counter() - start) / 50
        for i in range(3000):
            try:
                signal.setitimer(signal.ITIMER_REAL, step * rng.uniform(0.01, 1.2))
                backward()
                while True:
                    pass
            except Stop:
                pass
            (seen,) = {int(value) for leaf in leaves for value in leaf.grad}
            assert seen in (passes, passes + 1), (seen, passes)
            counts[seen - passes] += 1
            passes = seen
        print(*counts)
        """)
    assert all(int(count) > 100 for count in seen), "interrupts before and after the gradients were set"


@signals
def test_an_interrupt_puts_blas_back():
    assert run("""
        from autograd_cnn.kernels import blas

        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        number = [4]
        # As the real ones are, one call in C each.
        blas._count, blas._set = functools.partial(number.__getitem__, 0), functools.partial(number.__setitem__, 0)
        blas._is_shared = True
        signal.signal(signal.SIGALRM, stop)
        a = np.ones((4, 4))
        product = blas.one_thread(np.matmul)
        for i in range(3000):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 1e-4))
                while True:
                    product(a, a)
            except Stop:
                pass
            assert number == [4] and not blas._calls, (i, number, blas._calls)
        print("fine")
        """) == ["fine"]


@signals
def test_an_interrupt_ends_every_mode():
    assert run("""
        from autograd_cnn.modes import current

        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        signal.signal(signal.SIGALRM, stop)
        def switches():
            modes = current()
            return modes.recording, modes.updating, modes.transforming, modes.settled, modes.observers

        gc.disable()  # what a destructor raises is lost
        with ac.detect_anomaly():
            pass  # imported now: what is raised as Python lets go of an import's lock is lost, too
        before = switches()
        for i in range(3000):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 1e-4))
                while True:
                    with ac.no_grad(), ac.detect_anomaly():
                        pass
            except Stop:
                pass
            assert switches() == before, i
        print("fine")
        """) == ["fine"]
