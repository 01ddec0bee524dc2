"""autograd_cnn: automatic differentiation in NumPy, with models written as plain functions.

>>> import autograd_cnn as ac
>>> x = ac.Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import autograd_cnn.starting  # noqa: F401 -- first, for Ctrl-C during the imports below
from autograd_cnn.kernels import get_num_threads, keep_freed_memory, set_num_threads
from autograd_cnn.modes import no_grad
from autograd_cnn.ops import *  # noqa: F403 -- every op is an attribute of the package, as in NumPy
from autograd_cnn.ops import __all__ as _ops
from autograd_cnn.ops import linalg as linalg
from autograd_cnn.primitive import primitive
from autograd_cnn.tensor import Tensor

if TYPE_CHECKING:  # what `__getattr__` finds
    from autograd_cnn import data as data
    from autograd_cnn import distributed as distributed
    from autograd_cnn import models as models
    from autograd_cnn import nn as nn
    from autograd_cnn import ops as ops
    from autograd_cnn import optim as optim
    from autograd_cnn import plotting as plotting
    from autograd_cnn import testing as testing
    from autograd_cnn import training as training
    from autograd_cnn.inspection import *  # noqa: F403
    from autograd_cnn.nn.composition import sequential as sequential
    from autograd_cnn.nn.serialization import load_weights as load_weights
    from autograd_cnn.nn.serialization import save_weights as save_weights
    from autograd_cnn.onnx import export_onnx as export_onnx
    from autograd_cnn.onnx import import_onnx as import_onnx
    from autograd_cnn.optim.clipping import clip_grad_norm as clip_grad_norm
    from autograd_cnn.optim.clipping import clip_grad_value as clip_grad_value
    from autograd_cnn.testing.finite_differences import GradcheckError as GradcheckError
    from autograd_cnn.testing.finite_differences import gradcheck as gradcheck
    from autograd_cnn.training.model_loading import load_model as load_model
    from autograd_cnn.transforms import *  # noqa: F403

__version__ = "0.1.0"

# Loaded on first use: a module takes a millisecond to import, and the standard library modules that some of them need
# take as long as half of NumPy.
_ROOMS = ("data", "distributed", "models", "nn", "ops", "optim", "plotting", "testing", "training")
_LATER = {
    name: room
    for room, names in {
        "inspection": ("AnomalyError", "detect_anomaly", "draw_graph", "profile", "summary"),
        "nn": ("load_weights", "save_weights", "sequential"),
        "onnx": ("export_onnx", "import_onnx"),
        "optim": ("clip_grad_norm", "clip_grad_value"),
        "testing.finite_differences": ("GradcheckError", "gradcheck"),
        "training.model_loading": ("load_model",),
        "transforms": ("checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    }.items()
    for name in names
}
__all__ = [
    "Tensor",
    "get_num_threads",
    "linalg",
    "no_grad",
    "primitive",
    "set_num_threads",
    *_LATER,
    *_ROOMS,
    *_ops,
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *__all__])


keep_freed_memory()  # otherwise every training step would spend a third of its time on page faults
