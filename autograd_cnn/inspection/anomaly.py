"""Finding the first op whose result is NaN."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_cnn.recording.call_site import call_site
from autograd_cnn.recording.observers import Backward, Forward, ObserverError, observed_by
from autograd_cnn.variable import Variable


class AnomalyError(ObserverError):
    """A NaN, or an infinity, in a value or a gradient; the message names the op and the line that called it."""


@contextlib.contextmanager
def detect_anomaly(check_inf: bool = False) -> Iterator[None]:
    """Stop at the first op inside the block whose value or gradient holds a NaN.

    Every value and every gradient is checked, which makes training somewhat slower.

    Parameters
    ----------
    check_inf : bool
        Whether to stop at infinity too.

    Raises
    ------
    AnomalyError
        Naming the op, the shapes of its inputs, and the file and line that called it.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.zeros(2), requires_grad=True)
    >>> with ac.detect_anomaly(), np.errstate(all="ignore"):
    ...     ac.divide(x, x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_cnn.inspection.anomaly.AnomalyError: divide(x (2,), y (2,)) gave nan in 2 of 2 elements; ...
    """
    with observed_by(_Detector(check_inf)):
        yield


class _Detector:
    """An observer that checks every value and every gradient."""

    def __init__(self, check_inf: bool) -> None:
        self.check_inf = check_inf

    def forward(self, event: Forward) -> None:
        found = self._anomaly(event.out)
        if found:
            inputs = event.op.signature.bind(event.args, event.kwargs)
            raise AnomalyError(
                f"{event.op.name}({_shapes(inputs)}) gave {found}; {self._of_inputs(inputs)}, and it was called at "
                f"{call_site()}"
            )

    def backward(self, event: Backward) -> None:
        found = self._anomaly(event.result)
        if found:
            node, edge, incoming = event.node, event.edge, self._anomaly(event.grad)
            raise AnomalyError(
                f"the backward of {node.op} for its input {edge.name!r} {event.result.shape} gave {found}; the "
                f"gradient that came to it {f'held {incoming}' if incoming else 'did not'}, and {node.op} was called "
                f"at {node.site}, with an output of shape {node.shape}"
            )

    def _anomaly(self, value: Any) -> str:
        """Return a description of what is wrong with a value, empty if nothing is."""
        array = value._data if isinstance(value, Variable) else np.asarray(value)
        if array.dtype.kind != "f":
            return ""
        wrong, kind = np.isnan(array), "nan"
        if not wrong.any() and self.check_inf:
            wrong, kind = np.isinf(array), "an infinity"
        return f"{kind} in {wrong.sum()} of {array.size} elements" if wrong.any() else ""

    def _of_inputs(self, inputs: dict[str, Any]) -> str:
        wrong = [name for name, x in _arrays(inputs) if self._anomaly(x)]
        return f"its {' and '.join(wrong)} held some already" if wrong else "its inputs held none"


def _arrays(inputs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of the arrays and Tensors among an op's arguments; a variadic input has indices."""
    for name, value in inputs.items():
        for i, x in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(x, (Variable, np.ndarray)):
                yield f"{name}[{i}]" if isinstance(value, tuple) else name, x


def _shapes(inputs: dict[str, Any]) -> str:
    return ", ".join(f"{name} {np.shape(getattr(x, 'data', x))}" for name, x in _arrays(inputs))
