"""The programs in other frameworks: the same source, with the names that it imports standing for the other's."""

import importlib
import importlib.util
from types import ModuleType, SimpleNamespace

import autograd_cnn as ac

IN_NUMPY = ["neural_ode", "gaussian_process", "mixture", "character_rnn", "hmc", "mlp_jax_style"]
IN_PYTORCH = ["newton", "vae", "gan", "super_resolution"]


def load(name: str, **names: object) -> ModuleType:
    """Return a copy of a program of one's own, in which names that it imports stand for something else."""
    spec = importlib.util.find_spec(f"tests.programs.{name}")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    if names and not vars(program).keys() & names.keys():
        raise ValueError(f"{name} uses none of {', '.join(sorted(names))}")
    vars(program).update(names)
    return program


def hips_autograd() -> dict[str, object]:
    """Return what the names in NumPy programs stand for in HIPS autograd."""
    module = importlib.import_module("autograd")
    return {
        "np": importlib.import_module("autograd.numpy"),
        "grad": module.grad,
        "value_and_grad": module.value_and_grad,
    }


def jax() -> dict[str, object]:
    """Return what the names in NumPy programs stand for in JAX, with float64 as in NumPy."""
    module = importlib.import_module("jax")
    module.config.update("jax_enable_x64", True)
    return {"np": module.numpy, "grad": module.grad, "value_and_grad": module.value_and_grad}


def pytorch() -> dict[str, object]:
    """Return what `ac` stands for in PyTorch: its functions of the same meaning."""
    torch = importlib.import_module("torch")
    functional = torch.nn.functional
    names = SimpleNamespace(
        Tensor=torch.tensor,
        binary_cross_entropy=functional.binary_cross_entropy,
        conv2d=functional.conv2d,
        data=ac.data,
        exp=torch.exp,
        linear=functional.linear,
        mse_loss=functional.mse_loss,
        optim=SimpleNamespace(Adam=lambda params, **options: torch.optim.Adam(params.values(), **options)),
        pixel_shuffle=functional.pixel_shuffle,
        relu=torch.relu,
        sigmoid=torch.sigmoid,
        sigmoid_cross_entropy=functional.binary_cross_entropy_with_logits,
        tanh=torch.tanh,
    )
    return {"ac": names}
