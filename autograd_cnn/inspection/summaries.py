"""A model as a table of its ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_cnn.inspection.live_memory import Counter
from autograd_cnn.modes import switched
from autograd_cnn.output import text
from autograd_cnn.recording.call_site import call_site
from autograd_cnn.recording.observers import Backward, Forward, observed_by
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Variable

# The multiply-adds of the ops that are products, from the shapes of their inputs and output.
_MULTIPLY_ADDS: dict[str, Callable[[dict[str, tuple[int, ...]], tuple[int, ...]], int]] = {
    "conv2d": lambda shapes, out: math.prod(out) * math.prod(shapes["weight"][1:]),
    "conv2d_grad_input": lambda shapes, _: math.prod(shapes["cotangent"]) * math.prod(shapes["weight"][1:]),
    "linear": lambda shapes, out: math.prod(out) * shapes["weight"][1],
    "matmul": lambda shapes, out: math.prod(out) * shapes["x"][-1],
}


@dataclass(frozen=True)
class Row:
    """One op of a model."""

    op: str
    site: str
    shape: tuple[int, ...]
    parameters: dict[str, int]  # the sizes of the parameters that this op takes
    multiply_adds: int
    bytes_kept: int  # for backward, beyond what earlier ops keep; parameters are not counted


@dataclass(frozen=True)
class Summary:
    """The result of `summary`: ``print`` shows a table.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> lenet5 = ac.models.lenet5
    >>> found = ac.summary(lenet5.apply, lenet5.init(np.random.default_rng(0)), np.ones((1, 1, 28, 28), np.float32))
    >>> [row.op for row in found.rows][:3]
    ['conv2d', 'max_pool2d', 'relu']
    """

    rows: list[Row]
    parameters: int  # how many numbers, without Tensors that require no gradient, such as running statistics

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def bytes_kept(self) -> int:
        """Bytes held between forward and backward, without the parameters."""
        return sum(row.bytes_kept for row in self.rows)

    def __repr__(self) -> str:
        rows = [
            [
                row.op,
                str(row.shape),
                ", ".join(row.parameters),
                f"{sum(row.parameters.values()):,}" if row.parameters else "",
                f"{row.multiply_adds:,}" if row.multiply_adds else "",
                text.size(row.bytes_kept) if row.bytes_kept else "",
                row.site,
            ]
            for row in self.rows
        ]
        total = ["total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", text.size(self.bytes_kept), ""]
        header = ["op", "output", "parameters", "numbers", "multiply-adds", "kept", "called at"]
        return text.table(header, [*rows, total], left=3)


def summary(apply: Callable[..., Any], params: Mapping[str, Any], x: Any, **options: Any) -> Summary:
    """Run a model once, and return a table of its ops in order.

    Parameters
    ----------
    apply : callable
        The model: ``apply(params, x, **options)``.
    params : (nested) dict of Tensors or arrays
        Its parameters. They stay as they are, except for what the model itself changes, as batch_norm does.
    x : array or Tensor
        Its input.
    **options
        Passed to `apply`, such as ``training=True``.

    Returns
    -------
    Summary
        For each op its output's shape, the parameters that it takes, its multiply-adds, and the bytes that it keeps for
        backward.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> lenet5 = ac.models.lenet5
    >>> found = ac.summary(lenet5.apply, lenet5.init(np.random.default_rng(0)), np.ones((1, 1, 28, 28), np.float32))
    >>> found.parameters, found.multiply_adds
    (61706, 416520)
    """
    leaves = [
        (path, leaf._data if isinstance(leaf, Tensor) else np.asarray(leaf))
        for path, leaf in trees.leaves_with_paths(params)
    ]
    wanted = [Tensor(array, requires_grad=array.dtype.kind == "f") for _, array in leaves]
    lister = _Lister({id(tensor): trees.dotted(path) for (path, _), tensor in zip(leaves, wanted, strict=True)},
                     Counter(tensor._data for tensor in wanted))  # fmt: skip
    with switched(recording=True), observed_by(lister):
        apply(trees.rebuild(params, wanted), x, **options)
    return Summary(lister.rows, sum(np.size(leaf) for leaf in trees.leaves(params) if _counts(leaf)))


def _counts(leaf: Any) -> bool:
    """Whether a leaf counts as a parameter; an array does."""
    return leaf.requires_grad if isinstance(leaf, Tensor) else True


class _Lister:
    """An observer that makes a row of every op called."""

    def __init__(self, names: dict[int, str], memory: Counter) -> None:
        self.names = names
        self.memory = memory
        self.rows: list[Row] = []

    def forward(self, event: Forward) -> None:
        inputs = event.op.signature.bind(event.args, event.kwargs)
        flat = [x for value in inputs.values() for x in (value if isinstance(value, tuple) else (value,))]
        shapes = {name: x.shape for name, x in inputs.items() if hasattr(x, "shape")}
        node = event.out.node if isinstance(event.out, Variable) else None
        count = _MULTIPLY_ADDS.get(event.op.name)
        self.rows.append(
            Row(
                event.op.name,
                text.place(call_site()),
                event.out.shape,
                {self.names[id(x)]: x.size for x in flat if id(x) in self.names},
                count(shapes, event.out.shape) if count else 0,
                sum(self.memory.add(array) for _, array in node.arrays()) if node else 0,
            )
        )

    def backward(self, event: Backward) -> None:
        """Do nothing: only the forward runs."""
