"""`export-onnx`: write a trained model for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograd_cnn.cli import options


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export-onnx",
        help="write a trained model as an ONNX file",
        description="Write a trained model as an ONNX file, for onnxruntime and other programs. It takes any "
        "number of images (batch, C, H, W) and returns their logits. The file is checked, and its logits compared "
        "with the model's, before it appears under its name.",
    )
    options.add_weights(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--normalize",
        action="store_true",
        help="have the graph take pixels from 0 to 1 and standardize them itself, with the mean and deviation in the "
        "weights file, and divide the logits by the model's temperature",
    )
    parser.add_argument("--opset", type=int, default=18, metavar="N", help="version of the operators, 18 to 22")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Write the file, and say what it takes and returns."""
    import numpy as np

    from autograd_cnn.onnx import export_onnx
    from autograd_cnn.training import model_loading

    saved = model_loading.load_model(given.weights, given.model)
    apply = saved.apply if given.normalize else saved.model.apply
    images = np.random.default_rng(0).random((5, *saved.input_shape), np.float32)
    saved.predict(images)  # which refuses weights so large that the network overflows
    export_onnx(
        apply,
        (saved.params, images),
        given.out,
        input_names=["images"],
        output_names=["logits"],
        opset=given.opset,
        metadata={name: text for name, text in saved.metadata().items() if name not in _APPLIED or not given.normalize},
    )
    standardized = saved.mean and not given.normalize
    what = "standardized by the model's mean and deviation" if standardized else "pixels from 0 to 1"
    shape = ", ".join(map(str, saved.input_shape))
    print(f"{given.out}: images (batch, {shape}), {what}, to logits (batch, {len(saved.class_names)})")


#: Metadata left out with --normalize, because the graph applies these itself.
_APPLIED = ("mean", "std", "temperature")
