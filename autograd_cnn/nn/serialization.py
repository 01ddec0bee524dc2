"""Weights in safetensors and .npz files: written whole or not at all, and checked when saved and when loaded."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.nn import npz_files
from autograd_cnn.nn.safetensors_files import CODES, FORMAT_KEY, FORMAT_VERSION, WeightsError, encode, open_file
from autograd_cnn.output.files import unwritten, write_atomically
from autograd_cnn.tensor import Tensor

__all__ = [
    "CheckpointError",
    "WeightsError",
    "load_matching",
    "load_weights",
    "match_weights",
    "read_metadata",
    "read_shapes",
    "save_weights",
]

_DTYPES = {code: dtype for dtype, code in CODES.items()}

# How the names of running statistics end, in PyTorch and in the models here.
_STATISTICS = ("running_mean", "running_var")
# PyTorch's counter beside them, a whole number that no model here uses: it is not loaded.
_COUNTER = "num_batches_tracked"

CheckpointError = WeightsError  # its former name


def save_weights(
    path: str | os.PathLike[str], params: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Save parameters in a file, which appears under its name only once it is complete.

    The format is NumPy's .npz if the name ends in .npz, and safetensors otherwise.

    Equal parameters and metadata give equal files, byte for byte.

    Parameters
    ----------
    path : path-like
        The file to write, in an existing folder. An existing file is replaced; if anything goes wrong, it is
        left unchanged.
    params : dict of str to Tensor
        Tensors of any shape and memory order, float32 or float64, without NaN and infinity.
    metadata : dict of str to str, optional
        Kept in the file's header; ``{"model": "lenet5"}`` tells the command line which model to build.

    Raises
    ------
    WeightsError
        If a tensor has another dtype or is not finite, or if the file cannot be written.
    TypeError
        If `params` does not map str to Tensor, or `metadata` does not map str to str.

    References
    ----------
    https://huggingface.co/docs/safetensors#format

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from autograd_cnn.nn.serialization import load_weights, read_metadata, save_weights
    >>> from autograd_cnn.models import lenet5
    >>> params = lenet5.init(np.random.default_rng(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     save_weights(path, params, metadata={"model": "lenet5"})
    ...     loaded, model = load_weights(path), read_metadata(path)["model"]
    >>> model, loaded["conv1.weight"].shape
    ('lenet5', (6, 1, 5, 5))
    """
    metadata = {**(metadata or {}), FORMAT_KEY: FORMAT_VERSION}
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata should map str to str; got {value!r} under {key!r}")
    for name, tensor in params.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(f"params should map str to Tensor; got {type(tensor).__name__} under {name!r}")
        if name == "__metadata__":
            raise WeightsError("a tensor is named '__metadata__', as safetensors calls the metadata; rename it")
    arrays = {name: tensor.data for name, tensor in params.items()}
    _check_values(path, arrays)
    data = npz_files.encode(arrays, metadata) if _is_npz(path) else encode(arrays, metadata)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise WeightsError(unwritten(path, error)) from error


def load_weights(path: str | os.PathLike[str], *, prefix: str | tuple[str, ...] = "") -> dict[str, Tensor]:
    """Read parameters from a safetensors or .npz file, written by this package or by any other program.

    Parameters
    ----------
    path : path-like
        The file; NumPy's, if its name ends in .npz. Nothing in it is unpickled or run, whoever wrote it.
    prefix : str or tuple of str, optional
        Read only the tensors whose names begin with this (or one of these).

    Returns
    -------
    dict of str to Tensor
        In the order of their names. Each requires a gradient, except running statistics (``running_mean``,
        ``running_var``), which an optimizer must not change. `match_weights` puts them in a model's order. Counters
        that PyTorch keeps (``num_batches_tracked``) are left out.

    Raises
    ------
    WeightsError
        If the file is missing, truncated or not such a file, or if a tensor in it is neither float32 nor float64, or
        not finite.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import autograd_cnn as ac
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     ac.save_weights(path, {"weight": ac.Tensor([1.0, 2.0])})
    ...     ac.load_weights(path)
    {'weight': Tensor([1., 2.], requires_grad=True)}
    """
    arrays = _read_npz(path, prefix) if _is_npz(path) else _read_safetensors(path, prefix)
    _check_values(path, arrays)
    return {name: Tensor(array, not is_statistic(name)) for name, array in arrays.items()}


def is_statistic(name: str) -> bool:
    """Whether a parameter's name is that of a running statistic, which an optimizer must not change.

    Examples
    --------
    >>> is_statistic("bn1.running_mean"), is_statistic("bn1.weight")
    (True, False)
    """
    return name.rpartition(".")[2] in _STATISTICS


def _is_npz(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".npz"


def _wanted(names: Iterable[str], prefix: str | tuple[str, ...]) -> list[str]:
    """Return the names of weights that begin with the prefix, in order."""
    return sorted(name for name in names if name.startswith(prefix) and name.rpartition(".")[2] != _COUNTER)


def _read_npz(path: str | os.PathLike[str], prefix: str | tuple[str, ...]) -> dict[str, NDArray[Any]]:
    arrays = npz_files.read_arrays(path)
    return {name: arrays[name] for name in _wanted(arrays, prefix)}


def _read_safetensors(path: str | os.PathLike[str], prefix: str | tuple[str, ...]) -> dict[str, NDArray[Any]]:
    with open_file(path) as file:
        codes = {name: file.get_slice(name).get_dtype() for name in _wanted(file.keys(), prefix)}
        other = [f"{name!r} is {code}" for name, code in codes.items() if code not in CODES.values()]
        if other:
            raise WeightsError(
                f"{os.fspath(path)} has tensors of other dtypes than float32 (F32) and float64 (F64): "
                f"{_first(other)}; convert them before saving"
            )
        try:
            return {name: file.get_tensor(name) for name in codes}
        except (ValueError, MemoryError) as error:  # such as a shape of more axes than NumPy allows
            raise WeightsError(f"{os.fspath(path)} holds a tensor that NumPy cannot ({error})") from error


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the text that goes with the weights in a file, without the tensors.

    Returns
    -------
    dict of str to str
        The metadata passed to `save_weights`, and the version of the format under ``"autograd_cnn_format"``. Empty
        for a file without metadata, such as one that PyTorch users write.

    Raises
    ------
    WeightsError
        If the file is missing, truncated or not a file of weights.

    Examples
    --------
    See `save_weights`.
    """
    if _is_npz(path):
        return npz_files.read_metadata(path)
    with open_file(path) as file:
        return dict(file.metadata() or {})


def read_shapes(path: str | os.PathLike[str]) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of the tensors in a file, without the tensors.

    Raises
    ------
    WeightsError
        If the file is missing, truncated or not a file of weights.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.nn.serialization import read_shapes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     ac.save_weights(path, {"weight": ac.Tensor([1.0, 2.0])})
    ...     read_shapes(path)
    {'weight': (2,)}
    """
    return {name: header.shape for name, header in _read_headers(path, "").items()}


def match_weights(
    params: Mapping[str, Tensor], template: Mapping[str, Tensor], *, path: str | os.PathLike[str] | None = None
) -> dict[str, Tensor]:
    """Check that loaded parameters fit a model, and return them in the model's order.

    Parameters
    ----------
    params : dict of str to Tensor
        What `load_weights` returned.
    template : dict of str to Tensor
        The model's own parameters, such as its `init` returns. Their values are not used.
    path : path-like, optional
        The file that the parameters come from, for the error to name.

    Returns
    -------
    dict of str to Tensor
        The arrays of `params`, in the order of `template`, requiring a gradient where `template` does. A tensor
        that `template` holds under several names (tied weights) is one tensor here too.

    Raises
    ------
    WeightsError
        If a tensor is missing, not in the model, or of another shape or dtype, or if tied weights differ. One
        error lists all problems.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.nn.serialization import match_weights
    >>> match_weights({}, {"w": ac.Tensor([0.0, 0.0])})
    Traceback (most recent call last):
        ...
    autograd_cnn.nn.safetensors_files.WeightsError: the weights do not fit the model: 'w' of shape (2,) is missing
    """
    problems = _misfits(params, template)
    first: dict[int, str] = {}  # of each tensor's names
    for name, expected in template.items():
        given, tied = params.get(name), params.get(first.setdefault(id(expected), name))
        if given is not None and tied is not None and tied is not given and not np.array_equal(tied.data, given.data):
            problems.append(f"{name!r} and {first[id(expected)]!r} differ, and are one tensor in the model")
    _refuse_misfits(problems, path)
    made = {name: Tensor(params[name].data, template[name].requires_grad) for name in first.values()}
    return {name: made[first[id(expected)]] for name, expected in template.items()}


def load_matching(
    path: str | os.PathLike[str], template: Mapping[str, Tensor], *, prefix: str | tuple[str, ...] = ""
) -> dict[str, Tensor]:
    """Read the parameters of a model with `load_weights` and `match_weights`, if the file's header says that they fit.

    No more is read than the model holds, whatever the size of the file.

    Raises
    ------
    WeightsError
        If the file cannot be read, or does not hold these tensors.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.nn.serialization import load_matching
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     ac.save_weights(path, {"weight": ac.Tensor([1.0, 2.0])})
    ...     load_matching(path, {"weight": ac.Tensor([0.0, 0.0])})
    {'weight': Tensor([1., 2.])}
    """
    headers = _read_headers(path, prefix)
    if all(header.dtype for header in headers.values()):  # load_weights raises an error for others
        _refuse_misfits(_misfits(headers, template), path)
    return match_weights(load_weights(path, prefix=prefix), template, path=path)


class _Header(NamedTuple):
    """What a file's header says about a tensor."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None


def _read_headers(path: str | os.PathLike[str], prefix: str | tuple[str, ...]) -> dict[str, _Header]:
    if _is_npz(path):
        entries = npz_files.read_headers(path)
        dtypes = {dtype: dtype for dtype in CODES}
        return {name: _Header(entries[name].shape, dtypes.get(entries[name].dtype.newbyteorder("=")))
                for name in _wanted(entries, prefix)}  # fmt: skip
    with open_file(path) as file:
        slices = {name: file.get_slice(name) for name in _wanted(file.keys(), prefix)}
        return {name: _Header(tuple(x.get_shape()), _DTYPES.get(x.get_dtype())) for name, x in slices.items()}


def _misfits(given: Mapping[str, Tensor | _Header], template: Mapping[str, Tensor]) -> list[str]:
    """Return what is wrong with the names, shapes and dtypes of a file's tensors for a model."""
    problems = []
    for name, expected in template.items():
        if (found := given.get(name)) is None:
            problems.append(f"{name!r} of shape {expected.shape} is missing")
            continue
        if found.shape != expected.shape:
            problems.append(f"{name!r} has shape {found.shape}, expected {expected.shape}")
        if found.dtype != expected.dtype:
            problems.append(f"{name!r} has dtype {found.dtype}, expected {expected.dtype}")
    return problems + [
        f"{name!r} of shape {given[name].shape} is not in the model" for name in given if name not in template
    ]


def _refuse_misfits(problems: list[str], path: str | os.PathLike[str] | None) -> None:
    if problems:
        where = "" if path is None else f"{os.fspath(path)}: "
        raise WeightsError(f"{where}the weights do not fit the model: {_first(problems)}")


def _first(problems: list[str], most: int = 10) -> str:
    """Return problems in one line, and how many more there are."""
    rest = f"; and {len(problems) - most:,} more" if len(problems) > most else ""
    return "; ".join(problems[:most]) + rest


def _check_values(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check that arrays to be written, or that were read, are finite float32 or float64."""
    problems = []
    for name, array in arrays.items():
        if array.dtype.newbyteorder("=") not in CODES:
            problems.append(f"{name!r} has dtype {array.dtype}")
        elif not np.isfinite(array).all():
            nan, infinite = np.count_nonzero(np.isnan(array)), np.count_nonzero(np.isinf(array))
            problems.append(f"{name!r} has {nan} NaN and {infinite} infinite among its {array.size} values")
    if problems:
        raise WeightsError(f"{os.fspath(path)}: expected finite float32 or float64 weights; {_first(problems)}")
