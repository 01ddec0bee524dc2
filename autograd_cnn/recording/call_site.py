"""Where in the user's code an op was called."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import NamedTuple

_prefixes: list[str] = []  # of the names of modules that are machinery


def machinery(module: str) -> None:
    """Register a module and its submodules as machinery between the user's line and the op; it registers itself."""
    _prefixes.append(module)


class CallSite(NamedTuple):
    """A line of code, recorded cheaply (0.3 µs): the line number is looked up when it is asked for."""

    code: CodeType
    instruction: int

    @property
    def file(self) -> str:
        """Path of the source file."""
        return self.code.co_filename

    @property
    def line(self) -> int:
        """Number of the line."""
        found = self.code.co_firstlineno
        for start, stop, line in self.code.co_lines():
            if start <= self.instruction < stop and line is not None:
                found = line
        return found

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def call_site(inside: int = 0) -> CallSite:
    """Return the innermost line outside the machinery; at least `inside` of the callers are machinery."""
    frame: FrameType = sys._getframe(1 + inside)
    while (known := _machinery.get(name := frame.f_globals.get("__name__", ""))) is not False:
        if known is None:
            _machinery[name] = name.startswith(tuple(_prefixes))
        elif frame.f_back is None:
            break
        else:
            frame = frame.f_back
    return tuple.__new__(CallSite, (frame.f_code, frame.f_lasti))  # 2 × faster than CallSite(…)


_machinery: dict[str, bool] = {}  # by module name; a look-up is 3 × faster than calling a cached function
