"""What can go wrong with ONNX files, and the package that reads and writes them."""

from __future__ import annotations

import importlib
from enum import Enum
from typing import Any

from autograd_cnn.output.text import ShownError


class OnnxError(ShownError, ValueError):
    """A graph that cannot be written, read or run; the message is one sentence that names the op or the node.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.import_onnx("missing.onnx")
    Traceback (most recent call last):
        ...
    autograd_cnn.onnx.errors.OnnxError: missing.onnx does not exist; expected an ONNX file
    """


class Reason(Enum):
    """Why a node cannot be read: the closed set."""

    OPERATOR = "an operator with no counterpart here"
    DTYPE = "other numbers than float32 and float64, or no numbers at all"
    DIMENSIONS = "images of three dimensions"
    RANDOM = "random numbers"
    PADDING_MODE = "padding other than with a constant, or of negative width"
    INDICES = "the positions of the maxima as an output"
    DILATED_AVERAGE = "dilated average pooling"
    EMPTY = "the maximum of nothing"


class UnsupportedError(OnnxError):
    """A graph asks for something that the package does not have.

    Examples
    --------
    >>> from autograd_cnn.onnx.errors import Reason, UnsupportedError
    >>> raise UnsupportedError(Reason.RANDOM)
    Traceback (most recent call last):
        ...
    autograd_cnn.onnx.errors.UnsupportedError: it asks for random numbers
    """

    def __init__(self, reason: Reason, where: str = "it") -> None:
        super().__init__(f"{where} asks for {reason.value}")
        self.reason = reason


def require_onnx() -> Any:
    """Return the `onnx` package, with its helpers.

    Raises
    ------
    OnnxError
        If it is not installed.
    """
    try:
        onnx = importlib.import_module("onnx")
        for part in ("checker", "helper", "numpy_helper"):
            importlib.import_module(f"onnx.{part}")
    except ImportError as error:
        raise OnnxError("ONNX files take the onnx package, which is not installed: pip install onnx") from error
    return onnx
