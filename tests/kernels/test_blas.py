"""BLAS has one thread in the package's own products, and the caller's number everywhere else."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.data import augment
from autograd_cnn.kernels import blas


@pytest.fixture
def number(monkeypatch):
    """Stand in for a BLAS of the whole process that has four threads, and give its number in a list."""
    number = [4]
    monkeypatch.setattr(blas, "_count", lambda: number[0])
    monkeypatch.setattr(blas, "_set", lambda n: number.__setitem__(0, n))
    monkeypatch.setattr(blas, "_is_shared", True)
    monkeypatch.setattr(blas, "_outside", 1)
    return number


@pytest.mark.parametrize("is_shared", [True, False])
def test_one_inside_and_the_callers_number_after(number, is_shared, monkeypatch):
    monkeypatch.setattr(blas, "_is_shared", is_shared)
    inner = kernels.one_thread(lambda: number[0])
    outer = kernels.one_thread(lambda: (number[0], inner(), number[0]))
    assert outer() == (1, 1, 1)
    assert number == [4]
    number[0] = 3
    assert outer() == (1, 1, 1)
    assert number == [3]


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_error_puts_it_back(number, is_shared, monkeypatch):
    monkeypatch.setattr(blas, "_is_shared", is_shared)

    @kernels.one_thread
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert number == [4]
    assert not blas._calls


def test_the_last_of_overlapping_calls_puts_it_back(number):
    inside, go = [threading.Event() for _ in range(2)], [threading.Event() for _ in range(2)]
    seen = []

    @kernels.one_thread
    def wait(i):
        inside[i].set()
        assert go[i].wait(10)
        seen.append(number[0])

    workers = [threading.Thread(target=wait, args=(i,)) for i in range(2)]
    for i, worker in enumerate(workers):
        worker.start()
        assert inside[i].wait(10)
    go[0].set()  # the first to come is the first to go
    workers[0].join()
    assert number == [1]
    go[1].set()
    workers[1].join()
    assert seen == [1, 1]
    assert number == [4]


def test_a_number_set_meanwhile_is_kept(number):
    kernels.one_thread(lambda: number.__setitem__(0, 2))()
    assert number == [2]
    assert kernels.one_thread(lambda: number[0])() == 1
    assert number == [2]


def test_a_number_of_one_is_left_alone(number):
    number[0] = 1
    blas._outside = 4
    assert kernels.one_thread(lambda: number[0])() == 1
    assert number == [1]


OPS = {
    "matmul": lambda x: ac.matmul(x, x),
    "linear": lambda x: ac.linear(x, x),
    "linear, batch innermost": lambda x: ac.linear(ac.transpose(x), x),
    "einsum": lambda x: ac.einsum("ij,jk->ik", x, x),
    "conv2d, one image": lambda x: ac.conv2d(x.reshape(1, 1, 8, 8), x[:3, :3].reshape(1, 1, 3, 3)),
    "conv2d": lambda x: ac.conv2d(ac.broadcast_to(x.reshape(1, 1, 8, 8), (4, 1, 8, 8)), x[:3, :3].reshape(1, 1, 3, 3)),
}


@pytest.mark.parametrize("name", OPS)
def test_every_op_that_multiplies_matrices_has_one(name, number, monkeypatch, rng):
    x = ac.Tensor(rng.standard_normal((8, 8)), requires_grad=True)
    calls = []
    set_number = blas._set
    monkeypatch.setattr(blas, "_set", lambda n: (calls.append(n), set_number(n)))
    out = OPS[name](x)
    assert set(calls) == {1, 4}
    calls.clear()
    out.backward(rng.standard_normal(out.shape))
    assert set(calls) == {1, 4}
    assert number == [4]


@pytest.mark.parametrize(
    "multiply",
    [
        lambda rng: kernels.sum(rng.random((4, 2, 4, 4), np.float32), (0, 2, 3)),
        lambda rng: augment.elastic(rng.random((2, 1, 8, 8), np.float32), rng),
    ],
    ids=["a bias's gradient", "elastic"],
)
def test_so_has_what_else_multiplies_them(multiply, number, monkeypatch, rng):
    calls = []
    set_number = blas._set
    monkeypatch.setattr(blas, "_set", lambda n: (calls.append(n), set_number(n)))
    multiply(rng)
    assert set(calls) == {1, 4}
    assert number == [4]


CHILD = """
import numpy as np
from threadpoolctl import threadpool_info
import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.data import augment

def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"][:1]

before = blas()
assert kernels.one_thread(blas)() in ([1], []), blas()
ac.set_num_threads(2)
x = ac.Tensor(np.ones((64, 64)), requires_grad=True)
(x @ x).sum().backward()
assert blas() == before, (before, blas())
assert ac.get_num_threads() == 2
print(*before)
"""


@pytest.mark.parametrize("threads", ["1", "3"])
def test_numpys_own_blas(threads):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
