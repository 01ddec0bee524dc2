"""Where the time goes: the time of every op and every backward rule."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically
from autograd_cnn.recording.call_site import CallSite, call_site
from autograd_cnn.recording.observers import Backward, Forward, observed_by
from autograd_cnn.variable import Variable


class Event(NamedTuple):
    """One call of an op, or one run of a backward rule."""

    op: str
    input: str | None  # the input that a rule is for; None for a forward
    site: CallSite  # where the op was called
    begin: float  # seconds, as time.perf_counter counts them
    end: float
    shape: tuple[int, ...]  # of the result
    nbytes: int  # of the result


@dataclass
class Row:
    """The sums over the calls of one op, or from one line; times are in seconds."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    nbytes: int = 0

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


@dataclass
class Profile:
    """The result of `profile`: ``print`` shows tables, and `save_chrome_trace` writes a trace.

    Attributes
    ----------
    begin, end : float
        When the block began and ended, in seconds, as `time.perf_counter` counts them.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> with ac.profile() as p:
    ...     ac.tanh(ac.Tensor([1.0, 2.0])).data.shape
    (2,)
    >>> [event.op for event in p.events]
    ['tanh']
    """

    begin: float
    end: float = 0.0
    _seen: list[tuple[Any, ...]] = field(default_factory=list, repr=False)  # events as tuples, which are made faster

    @property
    def events(self) -> list[Event]:
        """Every call and every run, in the order in which they ended."""
        return [Event(*seen) for seen in self._seen]

    def forward(self, event: Forward) -> None:
        """Record a call of an op."""
        array, node = (event.out._data, event.out.node) if isinstance(event.out, Variable) else (event.out, None)
        site = node.site if node else call_site()
        self._seen.append((event.op.name, None, site, event.begin, event.end, array.shape, array.nbytes))

    def backward(self, event: Backward) -> None:
        """Record a run of a backward rule."""
        array, node = event.result._data if isinstance(event.result, Variable) else event.result, event.node
        self._seen.append((node.op, event.edge.name, node.site, event.begin, event.end, array.shape, array.nbytes))

    def by_op(self) -> dict[str, Row]:
        """Return the sums for each op, the slowest first."""
        return self._by(lambda event: event.op)

    def by_site(self) -> dict[tuple[str, str], Row]:
        """Return the sums for each call site and op, the slowest first."""
        return self._by(lambda event: (text.place(event.site), event.op))

    def _by(self, key: Callable[[Event], Any]) -> dict[Any, Row]:
        rows: dict[Any, Row] = {}
        for event in self.events:
            row = rows.setdefault(key(event), Row())
            row.nbytes += event.nbytes
            if event.input is None:
                row.calls += 1
                row.forward += event.end - event.begin
            else:
                row.backward += event.end - event.begin
        return dict(sorted(rows.items(), key=lambda item: -item[1].seconds))

    def __repr__(self) -> str:
        seen = sum(event.end - event.begin for event in self.events)
        whole = self.end - self.begin
        share = seen / whole if whole else 0.0
        heading = f"{whole * 1e3:.2f} ms, of which {share:.0%} in {len(self.events)} ops and backward rules\n\n"

        def cells(row: Row) -> list[str]:
            portion = row.seconds / seen if seen else 0.0
            return [
                str(row.calls), f"{row.forward * 1e3:.2f}", f"{row.backward * 1e3:.2f}", f"{portion:.0%}",
                text.size(row.nbytes),
            ]  # fmt: skip

        figures = ["calls", "forward ms", "backward ms", "share", "made"]
        by_op = text.table(["op", *figures], [[op, *cells(row)] for op, row in self.by_op().items()])
        by_site = text.table(
            ["called at", "op", *figures], [[*site, *cells(row)] for site, row in self.by_site().items()], left=2
        )
        return f"{heading}{by_op}\n\n{by_site}"

    def save_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as a trace that Perfetto (ui.perfetto.dev) and Chrome (chrome://tracing) open.

        The format is the "Trace Event Format"; times in it are microseconds from the start of the block.
        """
        events = [
            {
                "name": event.op if event.input is None else f"{event.op} by {event.input}",
                "cat": "forward" if event.input is None else "backward",
                "ph": "X",
                "ts": (event.begin - self.begin) * 1e6,
                "dur": (event.end - event.begin) * 1e6,
                "pid": 0,
                "tid": 0,
                "args": {"called at": text.place(event.site), "shape": list(event.shape), "bytes": event.nbytes},
            }
            for event in sorted(self.events, key=lambda event: event.begin)
        ]
        names = [{"name": "process_name", "ph": "M", "pid": 0, "tid": 0, "args": {"name": "autograd_cnn"}}]
        write_atomically(path, json.dumps({"traceEvents": names + events, "displayTimeUnit": "ms"}).encode())


@contextlib.contextmanager
def profile() -> Iterator[Profile]:
    """Time every op and every backward rule inside the block, in this thread.

    Bytes are those of the values and gradients that are made. An op's time includes everything it calls. The rest of
    the block's time is spent elsewhere, in the optimizer or in loading data.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.ones((100, 100)), requires_grad=True)
    >>> with ac.profile() as p:
    ...     ac.tanh(x @ x).sum().backward()
    >>> sorted(p.by_op())
    ['matmul', 'sum', 'tanh']
    """
    seen = Profile(perf_counter())
    try:
        with observed_by(seen):
            yield seen
    finally:
        seen.end = perf_counter()
