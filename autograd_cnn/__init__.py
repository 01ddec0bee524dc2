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

from autograd_cnn import initialization, layers, models, ops, optim, schedules
from autograd_cnn.anomaly import AnomalyError, detect_anomaly
from autograd_cnn.composition import sequential
from autograd_cnn.finite_differences import GradcheckError, gradcheck
from autograd_cnn.gradient_checkpoint import checkpoint
from autograd_cnn.gradient_clipping import clip_grad_norm, clip_grad_value
from autograd_cnn.kernels import get_num_threads, keep_freed_memory, set_num_threads
from autograd_cnn.modes import no_grad
from autograd_cnn.ops import *  # noqa: F403 -- every op is an attribute of the package, as in NumPy
from autograd_cnn.primitive import primitive
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from autograd_cnn import data
    from autograd_cnn.inspection.drawing import draw_graph
    from autograd_cnn.inspection.profiler import profile
    from autograd_cnn.inspection.summary import summary
    from autograd_cnn.serialization import load_weights, save_weights

__version__ = "0.1.0"
__all__ = [
    "AnomalyError",
    "GradcheckError",
    "Tensor",
    "checkpoint",
    "clip_grad_norm",
    "clip_grad_value",
    "data",
    "detect_anomaly",
    "draw_graph",
    "get_num_threads",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "initialization",
    "jacobian",
    "jvp",
    "layers",
    "load_weights",
    "models",
    "no_grad",
    "ops",
    "optim",
    "primitive",
    "profile",
    "save_weights",
    "schedules",
    "sequential",
    "set_num_threads",
    "summary",
    "value_and_grad",
    "vjp",
    *ops.__all__,
]

# Loaded when first asked for: what these need of the standard library takes half as long to import as NumPy.
_LATER = {
    "data": "autograd_cnn.data",
    "draw_graph": "autograd_cnn.inspection.drawing",
    "load_weights": "autograd_cnn.serialization",
    "profile": "autograd_cnn.inspection.profiler",
    "save_weights": "autograd_cnn.serialization",
    "summary": "autograd_cnn.inspection.summary",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_LATER[name])
    value = module if name == "data" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


keep_freed_memory()  # or every training step would fault in its memory anew, a third of its time
