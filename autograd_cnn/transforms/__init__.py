"""Transforms of plain functions: derivatives, and gradient checkpointing."""

from autograd_cnn.recording.call_site import machinery
from autograd_cnn.transforms.derivatives import grad, hessian, jacobian, value_and_grad
from autograd_cnn.transforms.jacobian_products import hvp, jvp, vjp
from autograd_cnn.transforms.recomputation import checkpoint

machinery(__name__)

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
