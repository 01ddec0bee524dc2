"""Tools to test an op: Hypothesis strategies for its inputs, and one checker for everything an op promises.

They work for the ops of this package and for your own. The strategies need Hypothesis (`pip install
"autograd-cnn[testing]"`); the checker does not.

>>> import numpy as np
>>> import autograd_cnn as ac
>>> from autograd_cnn.testing import check_op
>>> check_op(ac.multiply, np.ones((2, 3)), np.arange(3.0), reference=lambda x, y: x * y)
"""

from typing import Any

from autograd_cnn.recording.call_site import machinery
from autograd_cnn.testing.checker import OpError, check_op

machinery(__name__)

_STRATEGIES = (
    "arrays",
    "broadcastable_arrays",
    "convolutions",
    "memory_orders",
    "poolings",
    "shapes",
    "transposed_convolutions",
)

__all__ = ["OpError", "check_op", *_STRATEGIES]


def __getattr__(name: str) -> Any:
    """Import the strategies, and Hypothesis with them, only when they are first used."""
    if name in _STRATEGIES:
        from autograd_cnn.testing import strategies

        globals().update({strategy: getattr(strategies, strategy) for strategy in _STRATEGIES})
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
