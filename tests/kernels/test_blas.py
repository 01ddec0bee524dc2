"""BLAS has one thread in the package's own products, and the caller's number everywhere else."""

import os
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.data import augment
from autograd_cnn.kernels import blas
from autograd_cnn.primitive import Primitive, primitive, registry


@pytest.fixture
def number(monkeypatch):
    """Replace BLAS by one with four threads for the whole process, and return their number in a list."""
    number = [4]
    monkeypatch.setattr(blas, "_count", lambda: number[0])
    monkeypatch.setattr(blas, "_set", lambda n: number.__setitem__(0, n))
    monkeypatch.setattr(blas, "_is_shared", True)
    monkeypatch.setattr(blas, "_outside", 1)
    return number


@pytest.mark.parametrize("is_shared", [True, False])
def test_blas_has_one_thread_inside_and_the_callers_number_after(number, is_shared, monkeypatch):
    monkeypatch.setattr(blas, "_is_shared", is_shared)
    inner = kernels.one_thread(lambda: number[0])
    outer = kernels.one_thread(lambda: (number[0], inner(), number[0]))
    assert outer() == (1, 1, 1)
    assert number == [4]
    number[0] = 3
    assert outer() == (1, 1, 1)
    assert number == [3]


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_error_restores_the_callers_number_of_threads(number, is_shared, monkeypatch):
    monkeypatch.setattr(blas, "_is_shared", is_shared)

    @kernels.one_thread
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert number == [4]
    assert not blas._calls


def test_the_last_of_overlapping_calls_restores_the_callers_number_of_threads(number):
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
def test_every_op_that_multiplies_matrices_has_one_thread(name, number, monkeypatch, rng):
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
def test_other_code_that_multiplies_matrices_has_one_thread(multiply, number, monkeypatch, rng):
    calls = []
    set_number = blas._set
    monkeypatch.setattr(blas, "_set", lambda n: (calls.append(n), set_number(n)))
    multiply(rng)
    assert set(calls) == {1, 4}
    assert number == [4]


@pytest.mark.parametrize(("settings", "threads"), [({}, 4), ({"products": False}, 4), ({"products": True}, 1)])
def test_a_primitive_has_one_thread_if_it_multiplies_matrices(settings, threads, number):
    def forward(x):
        return x * number[0]

    assert Primitive(forward, **settings)(np.ones(1)).tolist() == [threads]
    assert primitive(**settings)(forward)(np.ones(1)).tolist() == [threads]
    del registry["forward"]
    assert number == [4]


CHILD = """
import numpy as np
from threadpoolctl import threadpool_info
import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.data import augment

def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"][:1]

assert ac.get_num_threads() == 1
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
def test_numpys_own_blas_has_its_number_of_threads_again_after_an_op(threads):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


class Exported(dict):
    """Functions that a library exports, by attribute and by index, as in `ctypes`."""

    def __init__(self, **functions):
        super().__init__({name: Function(value) for name, value in functions.items()})

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Function:
    restype = int

    def __init__(self, call):
        self.call = call

    def __call__(self, *args):
        return self.call(*args)


@pytest.fixture
def found(monkeypatch):
    """Return a function that lets `blas` find one of the given libraries, and returns the number of threads found."""
    import ctypes

    import threadpoolctl

    monkeypatch.setattr(blas, "_count", blas._find)
    monkeypatch.setattr(blas, "_set", None)
    monkeypatch.setattr(blas, "_is_shared", None)

    def find(*libraries, exports=(), number=None):
        class Int:
            @staticmethod
            def in_dll(library, name):
                assert (library, name) == (exported, "blas_cpu_number")
                if number is None:
                    raise ValueError("symbol not found")
                return number

        exported = Exported(**dict(exports))
        monkeypatch.setattr(threadpoolctl, "ThreadpoolController", lambda: SimpleNamespace(lib_controllers=libraries))
        monkeypatch.setattr(ctypes, "PyDLL", lambda path: exported if path == libraries[0].filepath else None)
        monkeypatch.setattr(ctypes, "c_int", Int)
        answer = blas._count()
        assert answer == blas._count()
        return answer

    return find


def library(api="openblas", path="/site-packages/numpy.libs/libblas.so", threads=7):
    return SimpleNamespace(
        user_api="blas",
        internal_api=api,
        filepath=path,
        threading_layer="pthreads",
        get_num_threads=lambda: threads,
        set_num_threads=lambda n: ("slowly", n),
    )


def functions(before="", after="", threads=3):
    names = f"{before}openblas_get_num_threads{after}", f"{before}openblas_set_num_threads{after}"
    return dict(zip(names, (lambda: threads, lambda n: ("directly", n)), strict=True))


class TestFinding:
    """Which library's number of threads is read and set, and how, with stand-ins for other machines' libraries."""

    @pytest.mark.parametrize("before", ["", "scipy_"])
    @pytest.mark.parametrize("after", ["", "64_", "_64"])
    def test_openblas_is_called_directly(self, found, before, after):
        assert found(library(), exports=functions(before, after)) == 3
        assert blas._set(1) == ("directly", 1)
        assert blas._set.restype is None
        assert blas._is_shared is True

    def test_a_getter_without_its_setter_is_not_called(self, found):
        exports = functions("scipy_", "64_")
        del exports["scipy_openblas_set_num_threads64_"]
        assert found(library(), exports=exports) == 7
        assert blas._set(1) == ("slowly", 1)
        assert blas._is_shared is False

    def test_an_exported_number_of_threads_is_read_directly(self, found):
        number = SimpleNamespace(value=3)
        assert found(library(), exports=functions(), number=number) == 3
        number.value = 5
        assert blas._count() == 5

    @pytest.mark.parametrize("value", [2, 4])
    def test_an_exported_number_that_is_not_the_number_of_threads_is_ignored(self, found, value):
        assert found(library(), exports=functions(), number=SimpleNamespace(value=value)) == 3

    @pytest.mark.parametrize("exported", [True, False])
    def test_with_openmp_each_thread_has_its_own_number(self, found, exported):
        openmp = {"omp_get_max_threads": lambda: 5, "omp_set_num_threads": lambda n: ("by OpenMP", n)}
        openblas = library()
        openblas.threading_layer = "openmp"
        number = SimpleNamespace(value=5)
        assert found(openblas, exports=functions() | (openmp if exported else {}), number=number) == 5 + 2 * (
            not exported
        )
        assert blas._set(2) == ("by OpenMP" if exported else "slowly", 2)
        assert blas._is_shared is False
        number.value = 9
        assert blas._count() != 9

    def test_other_libraries_are_asked_by_threadpoolctl(self, found):
        assert found(library("mkl"), exports=functions(), number=SimpleNamespace(value=7)) == 7
        assert blas._set(2) == ("slowly", 2)
        assert blas._is_shared is False

    @pytest.mark.parametrize("place", ["numpy.libs", "numpy/.dylibs", "numpy/_core"])
    def test_numpys_own_library_goes_first(self, found, place):
        scipys = library("mkl", "/numpy-2/site-packages/scipy.libs/libblas.so", threads=11)
        numpys = library("mkl", f"/home/scipy/site-packages/{place}/libblas.so")
        other = library("mkl", threads=13)
        other.user_api = "openmp"
        assert found(other, scipys, numpys) == 7

    def test_without_a_known_library_there_is_one_thread(self, found):
        assert found() == 1
        assert blas._set(4) is None
        assert blas._is_shared is False


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_pool_thread_is_limited_where_each_thread_has_its_own_number(number, is_shared, monkeypatch):
    monkeypatch.setattr(blas, "_is_shared", is_shared)
    blas.limit_this_thread()
    assert number == [4 if is_shared else 1]


@pytest.mark.parametrize("calls", [0, 1])
def test_a_child_forgets_its_parents_calls(number, calls, monkeypatch):
    monkeypatch.setattr(blas, "_calls", {object() for _ in range(calls)})
    number[0], blas._outside = 1, 4
    blas._after_fork()
    assert number == [4 if calls else 1]
    assert not blas._calls
