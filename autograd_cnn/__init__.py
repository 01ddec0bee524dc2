"""autograd_cnn: automatic differentiation in NumPy, with models written as plain functions.

>>> import autograd_cnn as ac
>>> x = ac.Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

from autograd_cnn import data, initialization, models, ops, optim
from autograd_cnn.anomaly import AnomalyError, detect_anomaly
from autograd_cnn.finite_differences import GradcheckError, gradcheck
from autograd_cnn.gradient_checkpoint import checkpoint
from autograd_cnn.inspection import draw_graph, profile, summary
from autograd_cnn.kernels import get_num_threads, keep_freed_memory, set_num_threads
from autograd_cnn.modes import no_grad
from autograd_cnn.ops import *  # noqa: F403 -- every op is an attribute of the package, as in NumPy
from autograd_cnn.primitive import primitive
from autograd_cnn.serialization import load_weights, save_weights
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"
__all__ = [
    "AnomalyError",
    "GradcheckError",
    "Tensor",
    "checkpoint",
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
    "load_weights",
    "models",
    "no_grad",
    "ops",
    "optim",
    "primitive",
    "profile",
    "save_weights",
    "set_num_threads",
    "summary",
    "value_and_grad",
    "vjp",
    *ops.__all__,
]

keep_freed_memory()  # or every training step would fault in its memory anew, a third of its time
