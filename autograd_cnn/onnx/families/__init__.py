"""The ops of the package and the operators of ONNX, one family per file, each in both directions.

`EXPORTS` holds, by the name of a primitive, the function that adds its nodes to a `Builder`; `IMPORTS`, by the name of
an operator, the function that computes a node with our ops.
"""

from autograd_cnn.onnx.families import (
    activation,
    convolution,
    elementwise,
    indexing,
    loss,
    normalization,
    pooling,
    products,
    reduction,
    shape,
    trigonometry,
)
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS, Attributes

__all__ = [
    "EXPORTS",
    "IMPORTS",
    "Attributes",
    "activation",
    "convolution",
    "elementwise",
    "indexing",
    "loss",
    "normalization",
    "pooling",
    "products",
    "reduction",
    "shape",
    "trigonometry",
]
