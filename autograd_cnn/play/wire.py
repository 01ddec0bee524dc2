"""What goes between page and server: pictures and pixels in, JSON with arrays out."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data import DataError
from autograd_cnn.data.images import read_image
from autograd_cnn.play.errors import PlayError, UnreadError
from autograd_cnn.training.saved_models import SavedModel


def read_picture(model: SavedModel, content: bytes) -> NDArray[np.float32]:
    """Return what a model sees (C, H, W) of an image file's content, as `predict` reads the file.

    Raises
    ------
    DataError
        If it is not an image that can be read.
    UnreadError
        If it is one, but no single digit is found in it where one is looked for.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> read_picture(net, b"P5 2 2 255 " + bytes([0, 255, 0, 255])).shape
    (1, 28, 28)
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(content)
        try:
            return model.read_image(path)
        except DataError as error:
            # The name of the file says nothing to the person at the page.
            sentence = str(error).replace(str(path), "the picture")
            with contextlib.suppress(DataError):
                read_image(path, 1)
                raise UnreadError(sentence) from error
            raise DataError(sentence) from error


def read_json(content: bytes) -> Mapping[str, Any]:
    """Return the object that a request's JSON holds.

    Raises
    ------
    PlayError
        If it holds no object.

    Examples
    --------
    >>> read_json(b'{"target": 3}')
    {'target': 3}
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PlayError("the request is not JSON") from error
    if not isinstance(found, dict):
        raise PlayError("the request is not a JSON object")
    return found


def whole_number(request: Mapping[str, Any], key: str) -> int:
    """Return the whole number, at least 0, that a request has under a key.

    Raises
    ------
    PlayError
        If it has none.

    Examples
    --------
    >>> whole_number({"target": 3}, "target")
    3
    """
    number = request.get(key)
    if type(number) is not int or not 0 <= number < 2**32:
        raise PlayError(f"the request has no whole number under {key!r}")
    return number


def pixels_of(request: Mapping[str, Any], model: SavedModel) -> NDArray[np.float32]:
    """Return the image (C, H, W) in a request, as `encode` wrote it: what the model sees.

    Raises
    ------
    PlayError
        If there is none of the model's shape, in float32 from 0 to 1.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> request = json.loads(encode({"pixels": np.zeros((1, 28, 28), np.float32)}))
    >>> pixels_of(request, net).shape
    (1, 28, 28)
    """
    given = request.get("pixels")
    data = given.get("data") if isinstance(given, dict) else None
    try:
        content = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except ValueError:
        content = b""
    shape = model.input_shape
    if len(content) != 4 * math.prod(shape):
        raise PlayError(f"the request has no pixels: expected float32 of {'×'.join(map(str, shape))}, in base64")
    pixels = np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)
    if not ((pixels >= 0) & (pixels <= 1)).all():
        raise PlayError("the request has pixels that are not from 0 to 1")
    return pixels


def encode(answer: Mapping[str, Any]) -> bytes:
    r"""Return an answer as one line of JSON; arrays become objects with `shape`, `dtype` and `data` in base64.

    Examples
    --------
    >>> encode({"probabilities": np.array([0.5], np.float32)})
    b'{"probabilities": {"dtype": "float32", "shape": [1], "data": "AAAAPw=="}}\n'
    """
    return json.dumps(answer, default=_array, allow_nan=False).encode() + b"\n"


def _array(value: Any) -> dict[str, Any]:
    if not isinstance(value, np.ndarray) or value.dtype not in (np.float32, np.uint8):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    content = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes("C")
    return {
        "dtype": value.dtype.name,
        "shape": list(value.shape),
        "data": base64.b64encode(content).decode(),
    }
