"""profile: what is timed, added up, printed and written."""

import inspect
import json
import threading

import numpy as np
import pytest

import autograd_cnn as ac

rng = np.random.default_rng(0)


def leaf(shape):
    return ac.Tensor(rng.standard_normal(shape), requires_grad=True)


def step(x, w):
    return ac.relu(ac.relu(x @ w) @ w).sum()


def test_calls_times_and_bytes_by_op():
    x, w = leaf((3, 4)), leaf((4, 4))
    with ac.profile() as p:
        step(x, w).backward()
    rows = p.by_op()
    assert set(rows) == {"matmul", "relu", "sum"}
    assert [rows[name].calls for name in ("matmul", "relu", "sum")] == [2, 2, 1]
    # Two products of (3, 4), and from each a gradient for x (3, 4) and one for w (4, 4), in eight bytes a number.
    assert rows["matmul"].nbytes == 8 * 2 * (12 + 12 + 16)
    assert all(row.forward > 0 and row.backward > 0 for row in rows.values())
    assert sum(row.seconds for row in rows.values()) < p.end - p.begin
    assert list(rows) == sorted(rows, key=lambda name: -rows[name].seconds)


def test_by_call_site_an_op_has_the_line_that_called_it_forward_and_backward():
    x, w = leaf((3, 4)), leaf((4, 4))
    with ac.profile() as p:
        (x @ w).sum().backward()
    line = inspect.currentframe().f_lineno - 1
    ((site, op), row), _ = sorted(p.by_site().items(), key=lambda item: item[0][1])
    assert op == "matmul"
    assert site.endswith(f"test_profiler.py:{line}")
    assert row.calls == 1
    assert row.backward > 0


def test_what_an_op_calls_itself_is_part_of_it():
    x = ac.Tensor(rng.standard_normal((1, 1, 5, 5)), requires_grad=True)
    with ac.profile() as p:
        ac.conv2d(x, np.ones((1, 1, 3, 3))).sum().backward()
    assert [(e.op, e.input) for e in p.events] == [("conv2d", None), ("sum", None), ("sum", "x"), ("conv2d", "x")]


def test_arrays_alone_and_higher_order_are_seen():
    with ac.profile() as p:
        ac.tanh(np.ones(3))
        ac.hvp(lambda x: ac.exp(x).sum(), np.ones(3), np.ones(3))
    assert p.by_op()["tanh"].nbytes == 24
    assert p.by_op()["exp"].backward > 0


def test_a_checkpoint_shows_what_it_runs_again():
    x, w = leaf((3, 4)), leaf((4, 4))
    with ac.profile() as p:
        ac.checkpoint(step)(x, w).backward()
    assert p.by_op()["matmul"].calls == 4


def test_nested_profiles_see_the_same_and_errors_end_them():
    def fails():
        with ac.profile() as inner:
            profiles.append(inner)
            ac.exp(np.ones(2))
            raise ValueError("x")

    profiles = []
    with ac.profile() as outer, pytest.raises(ValueError, match="x"):
        fails()
    (inner,) = profiles
    assert len(outer.events) == len(inner.events) == 1
    assert inner.end >= inner.events[0].end
    ac.exp(np.ones(2))
    assert len(outer.events) == 1


def test_other_threads_are_not_seen():
    with ac.profile() as p:
        thread = threading.Thread(target=ac.exp, args=(np.ones(2),))
        thread.start()
        thread.join()
    assert not p.events


def test_print_is_a_table():
    x, w = leaf((3, 4)), leaf((4, 4))
    with ac.profile() as p:
        step(x, w).backward()
    lines = str(p).splitlines()
    assert lines[0].endswith("% in 12 ops and backward rules")
    assert lines[2].split() == ["op", "calls", "forward", "ms", "backward", "ms", "share", "made"]
    assert any(line.split()[:2] == ["matmul", "2"] for line in lines)
    assert sum("test_profiler.py" in line for line in lines) == 3
    with ac.profile() as nothing:
        pass
    assert "0 ops" in str(nothing)


def test_the_trace_is_one_that_viewers_open(tmp_path):
    x, w = leaf((3, 4)), leaf((4, 4))
    with ac.profile() as p:
        step(x, w).backward()
    p.save_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(events) == len(p.events)
    for event in events:
        assert {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"} <= event.keys()
        assert event["ts"] >= 0
        assert event["dur"] >= 0
    assert [e["cat"] for e in events] == ["forward"] * 5 + ["backward"] * 7
    starts = [event["ts"] for event in events]
    assert starts == sorted(starts)


def test_a_profile_shows_its_table():
    with ac.profile() as profile:
        ac.sum(ac.exp(ac.Tensor([1.0, 2.0])))
    assert repr(profile) == str(profile)
    assert "exp" in repr(profile)
