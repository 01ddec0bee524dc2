"""The operator cases that come with ONNX, run on our ops."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the operator cases come with the onnx package")

from onnx import numpy_helper  # noqa: E402

import autograd_cnn as ac  # noqa: E402
from tests.onnx_adapter import CONSTANTS, OPERATORS, Reason, Unsupported, operators, run  # noqa: E402


class Case(NamedTuple):
    name: str
    group: str  # the operator, or GRAPHS
    model: Any
    inputs: dict[str, np.ndarray]
    outputs: list[np.ndarray]
