"""Weights to PyTorch and back: the equal `nn.Module`, strictly, for every model."""

import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import models

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
files = pytest.importorskip("safetensors.torch")
nn = torch.nn

OPTIONS = {"simple_convnet": {"batch_norm": True}, "resnet": {"depth": 8}, "conv3x3": {"hidden": 32}}


class Block(nn.Module):
    """Two convolutions, and a shortcut without parameters."""

    def __init__(self, before, filters, stride):
        super().__init__()
        self.stride, self.new = stride, filters - before
        self.conv1 = nn.Conv2d(before, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)

    def forward(self, x):
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(residual + nn.functional.pad(shortcut, (0, 0, 0, 0, 0, self.new)))


def module_of(name):
    """Give the model as PyTorch's users would build it, with the names of ours."""
    relu, pool, flat = nn.ReLU, lambda: nn.MaxPool2d(2), nn.Flatten
    parts = {
        "lenet5": lambda: {
            "conv1": nn.Conv2d(1, 6, 5, padding=2), "a": relu(), "b": pool(),
            "conv2": nn.Conv2d(6, 16, 5), "c": relu(), "d": pool(), "e": flat(),
            "fc1": nn.Linear(400, 120), "f": relu(), "fc2": nn.Linear(120, 84), "g": relu(), "fc3": nn.Linear(84, 10),
        },
        "mlp": lambda: {"a": flat(), "fc1": nn.Linear(784, 300), "b": relu(), "fc2": nn.Linear(300, 10)},
        "conv3x3": lambda: {
            "conv1": nn.Conv2d(1, 8, 3), "a": pool(), "b": flat(),
            "fc1": nn.Linear(1352, 32), "c": relu(), "fc2": nn.Linear(32, 10),
        },
        "simple_convnet": lambda: {
            "conv1": nn.Conv2d(1, 30, 5), "bn1": nn.BatchNorm2d(30), "a": relu(), "b": pool(), "c": flat(),
            "fc1": nn.Linear(4320, 100), "bn2": nn.BatchNorm1d(100), "d": relu(), "fc2": nn.Linear(100, 10),
        },
        "convnet_bn": lambda: {
            "conv1": nn.Conv2d(1, 32, 5, padding=2, bias=False), "bn1": nn.BatchNorm2d(32), "a": relu(), "b": pool(),
            "conv2": nn.Conv2d(32, 64, 3, padding=1, bias=False), "bn2": nn.BatchNorm2d(64), "c": relu(), "d": pool(),
            "conv3": nn.Conv2d(64, 128, 3, padding=1, bias=False), "bn3": nn.BatchNorm2d(128), "e": relu(),
            "f": pool(), "g": flat(), "fc1": nn.Linear(1152, 10),
        },
        "resnet": lambda: {
            "conv1": nn.Conv2d(3, 16, 3, padding=1, bias=False), "bn1": nn.BatchNorm2d(16), "a": relu(),
            "layer1": nn.Sequential(Block(16, 16, 1)), "layer2": nn.Sequential(Block(16, 32, 2)),
            "layer3": nn.Sequential(Block(32, 64, 2)), "b": nn.AdaptiveAvgPool2d(1), "c": flat(),
            "fc": nn.Linear(64, 10),
        },
    }[name]()  # fmt: skip
    return nn.Sequential(OrderedDict(parts)).eval()


def with_statistics(module):
    """Give running statistics as training would have left them."""
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.copy_(torch.rand(part.running_mean.shape, generator=generator))
            part.running_var.copy_(torch.rand(part.running_var.shape, generator=generator) + 0.5)
            part.num_batches_tracked += 3
    return module


def same_logits(model, params, module):
    x = np.random.default_rng(1).random((4, *model.INPUT_SHAPE), np.float32)
    given = torch.from_numpy(x - 0.5 if model is models.get("conv3x3") else x)  # which shifts its pixels itself
    with torch.no_grad():
        expected = module(given).numpy()
    found = model.apply(params, x).data
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("name", models.names())
def test_ours_load_strictly_into_the_equal_module(name, tmp_path):
    model = models.get(name)
    params = model.init(np.random.default_rng(0), **OPTIONS.get(name, {}))
    ac.save_weights(tmp_path / "ours.safetensors", params)
    module = module_of(name)
    module.load_state_dict(files.load_file(tmp_path / "ours.safetensors"), strict=True)
    same_logits(model, params, module)


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize("name", models.names())
def test_theirs_load_with_the_model_s_name(name, suffix, tmp_path):
    module, path = with_statistics(module_of(name)), tmp_path / f"theirs.{suffix}"
    state = module.state_dict()
    if suffix == "npz":
        np.savez(path, **{key: tensor.numpy() for key, tensor in state.items()})
    else:
        files.save_file(state, path)
    model = models.get(name)
    template = model.init(np.random.default_rng(0), **OPTIONS.get(name, {}))
    params = ac.nn.serialization.match_weights(ac.load_weights(path), template)
    same_logits(model, params, module)
    if name not in OPTIONS:  # what the file does not say is taken to be usual
        loaded = ac.load_model(path, model=name)
        same_logits(model, loaded.params, module)


def test_parameters_that_are_not_contiguous_travel_both_ways(tmp_path):
    model = models.get("convnet_bn")
    params = {
        key: ac.Tensor(np.asfortranarray(p.data), p.requires_grad)
        for key, p in model.init(np.random.default_rng(0)).items()
    }
    assert not params["conv2.weight"].data.flags.c_contiguous
    ac.save_weights(tmp_path / "ours.safetensors", params)
    module = module_of("convnet_bn").to(memory_format=torch.channels_last)
    module.load_state_dict(files.load_file(tmp_path / "ours.safetensors"), strict=True)
    same_logits(model, params, module)
    module.load_state_dict({key: torch.from_numpy(p.data) for key, p in params.items()}, strict=True)  # without a file
    same_logits(model, params, module)

    state = module.state_dict()
    assert not state["conv2.weight"].is_contiguous()
    direct = {key: ac.Tensor(tensor.numpy()) for key, tensor in state.items() if tensor.is_floating_point()}
    same_logits(model, direct, module)
    files.save_file({key: tensor.contiguous() for key, tensor in state.items()}, tmp_path / "theirs.safetensors")
    same_logits(model, ac.load_model(tmp_path / "theirs.safetensors", model="convnet_bn").params, module)


def test_the_command_line_takes_theirs_by_the_model_s_name(tmp_path):
    files.save_file(with_statistics(module_of("convnet_bn")).state_dict(), tmp_path / "theirs.safetensors")
    command = [sys.executable, "-m", "autograd_cnn", "evaluate", "--weights", "theirs.safetensors", "--data", "digits"]
    done = subprocess.run([*command, "--model", "convnet_bn"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "accuracy"), done.stderr
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: theirs.safetensors does not say which model")
