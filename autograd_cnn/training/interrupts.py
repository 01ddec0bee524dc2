"""Defer SIGINT and SIGTERM until training can be stopped: between two steps, with its state saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autograd_cnn.distributed import Communicator, confirm


class Interrupted(KeyboardInterrupt):
    """A signal asks the process to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


def interrupt(number: int, _: Any = None) -> None:
    """Raise `Interrupted`: a handler of signals."""
    raise Interrupted(number)


@contextmanager
def put_off() -> Iterator[Callable[[], None]]:
    """Yield a function that raises `Interrupted` if a signal has come; a second signal raises it at once."""
    received: list[int] = []

    def handle(number: int, _: Any) -> None:
        if received:
            interrupt(number)
        received.append(number)

    def check() -> None:
        if received:
            interrupt(received[0])

    if threading.current_thread() is not threading.main_thread():  # signals go to the main thread alone
        yield check
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = [number for number, handler in before.items() if callable(handler)]  # ignored signals stay ignored
    try:
        for number in handled:
            signal.signal(number, handle)
        yield check
    finally:
        for number in handled:
            signal.signal(number, before[number])


def end_together(end_if_asked: Callable[[], None], comm: Communicator) -> None:
    """Raise `Interrupted` on every rank if one has received a signal; all ranks call this after the same step."""
    if comm.size == 1:
        end_if_asked()
        return
    number = 0
    try:
        end_if_asked()
    except Interrupted as error:
        number = error.number
    asked = comm.allgather(number)
    confirm(comm)
    if number := max(asked):
        interrupt(number)
