"""Kernels that share their work among threads: the same results, the same bits, no harm to one another."""

import importlib.util
import threading

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.kernels import threads


@pytest.fixture(autouse=True)
def shared_at_any_size(monkeypatch):
    monkeypatch.setattr(threads, "SMALLEST_WORK", 0)
    yield
    ac.set_num_threads(1)


def everything(rng):
    """Run every kernel on images of awkward sizes."""
    x, weight, bias = rng.standard_normal((3, 4, 11, 9)), rng.standard_normal((6, 4, 3, 3)), rng.standard_normal(6)
    results = []
    for stride, padding in (((1, 1), (1, 1)), ((2, 3), (0, 1))):
        window = kernels.Window((3, 3), stride, padding)
        out = kernels.conv2d(x, weight, bias, window)
        grad = rng.standard_normal(out.shape)
        results += [out, kernels.conv2d_grad_weight(grad, x, weight.shape, window)]
        results.append(kernels.conv2d_grad_input(grad, weight, x.shape, window))
    for window in (kernels.Window((2, 2), (2, 2)), kernels.Window((3, 3), (1, 1), (1, 1), ceil_mode=True)):
        out = kernels.max_pool2d(x, window)
        grad = rng.standard_normal(out.shape)
        results += [
            out,
            kernels.max_pool2d_grad(grad, kernels.max_pool2d_winners(x, out, window), x.shape, window),
            kernels.avg_pool2d(x, window),
        ]
    long = rng.standard_normal(30_000)
    return [*results, kernels.relu(long), kernels.relu_grad(rng.standard_normal(30_000), long)]


@pytest.mark.parametrize("n", [2, 3, 16])
def test_any_number_of_threads_gives_the_same(n):
    alone = everything(np.random.default_rng(0))
    ac.set_num_threads(n)
    assert ac.get_num_threads() == n
    together, again = everything(np.random.default_rng(0)), everything(np.random.default_rng(0))
    for a, b, c in zip(alone, together, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(b, c, err_msg="for a number of threads, the same bits from run to run")


def test_threads_of_the_users_own_may_share_the_pool():
    ac.set_num_threads(3)
    expected, seen = everything(np.random.default_rng(0)), {}

    def work(name):
        for _ in range(5):
            seen[name] = everything(np.random.default_rng(0))

    workers = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for results in seen.values():
        for a, b in zip(results, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_pieces_are_contiguous_and_cover_everything():
    ac.set_num_threads(3)
    assert [list(piece) for piece in threads.split(range(7), 1)] == [[0, 1], [2, 3], [4, 5, 6]]
    assert [list(piece) for piece in threads.split([5, 6], 1)] == [[5], [6]]
    assert threads.split([], 1) == []


def test_there_is_one_thread_until_told():
    spec = threads.__spec__
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert fresh.get_num_threads() == 1
    assert len(fresh.split(range(9), 10**12)) == 1


def test_small_work_is_not_shared(monkeypatch):
    monkeypatch.setattr(threads, "SMALLEST_WORK", 100)
    ac.set_num_threads(2)
    assert len(threads.split(range(4), 99)) == 1
    assert len(threads.split(range(4), 100)) == 2


@pytest.mark.parametrize("n", [2, 3, 6])
def test_each_piece_has_a_thread_and_the_first_the_callers(n, monkeypatch):
    monkeypatch.setattr(threads, "_pool", None)
    monkeypatch.setattr(threads, "_workers", 0)
    for pieces in (2, n, 2):
        together = threading.Barrier(pieces, timeout=10)

        def work(_, together=together):
            together.wait()
            return threading.current_thread()

        workers = threads.map_pieces(work, [[i] for i in range(pieces)])
        assert workers[0] is threading.current_thread()
        assert len(set(workers)) == pieces
        assert all(worker.name.startswith("autograd_cnn") for worker in workers[1:])
    assert threads._workers == threads._pool._max_workers == n - 1, "no more than that, and none is made anew"


def test_an_error_in_any_piece_comes_out_after_all_are_done():
    ac.set_num_threads(3)
    done = []

    def work(piece):
        if piece == "b":
            raise ZeroDivisionError("no")
        done.append(piece)

    for order in (["a", "b", "c"], ["b", "a", "c"]):
        done.clear()
        with pytest.raises(ZeroDivisionError):
            threads.map_pieces(work, order)
        assert sorted(done) == ["a", "c"]


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None])
def test_an_invalid_number_of_threads_is_refused(n):
    with pytest.raises(ValueError, match="whole number of at least 1; got"):
        ac.set_num_threads(n)
    assert ac.get_num_threads() == 1


def test_the_pool_grows_while_others_use_it():
    def work(n, results):
        ac.set_num_threads(n)
        results.append(threads.map_pieces(sum, [[i] for i in range(n)]))

    results = []
    workers = [threading.Thread(target=work, args=(n, results)) for n in (2, 9, 3, 8, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(results, key=len) == [list(range(n)) for n in (2, 3, 5, 8, 9)]
