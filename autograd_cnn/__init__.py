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

from autograd_cnn import ops
from autograd_cnn.kernels import get_num_threads, keep_freed_memory, set_num_threads
from autograd_cnn.modes import no_grad
from autograd_cnn.ops import *  # noqa: F403 -- every op is an attribute of the package, as in NumPy
from autograd_cnn.primitive import primitive
from autograd_cnn.tensor import Tensor

if TYPE_CHECKING:
    from autograd_cnn import data, initialization, layers, models, optim, schedules
    from autograd_cnn.anomaly import AnomalyError, detect_anomaly
    from autograd_cnn.composition import sequential
    from autograd_cnn.finite_differences import GradcheckError, gradcheck
    from autograd_cnn.gradient_checkpoint import checkpoint
    from autograd_cnn.gradient_clipping import clip_grad_norm, clip_grad_value
    from autograd_cnn.inspection.drawing import draw_graph
    from autograd_cnn.inspection.profiler import profile
    from autograd_cnn.inspection.summary import summary
    from autograd_cnn.serialization import load_weights, save_weights
    from autograd_cnn.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

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

# Loaded when first asked for: a module takes a millisecond, and what some need of the standard library as long as
# half of NumPy.
_MODULES = ("data", "initialization", "layers", "models", "optim", "schedules")
_LATER = {
    name: module
    for module, names in {
        "anomaly": ("AnomalyError", "detect_anomaly"),
        "composition": ("sequential",),
        "finite_differences": ("GradcheckError", "gradcheck"),
        "gradient_checkpoint": ("checkpoint",),
        "gradient_clipping": ("clip_grad_norm", "clip_grad_value"),
        "inspection.drawing": ("draw_graph",),
        "inspection.profiler": ("profile",),
        "inspection.summary": ("summary",),
        "serialization": ("load_weights", "save_weights"),
        "transforms": ("grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


keep_freed_memory()  # or every training step would fault in its memory anew, a third of its time
