"""Models by name: those of the package, and those in a user's own Python file, `FILE.py` or `FILE.py:NAME`.

A model's file is a program. It is run only if the user names it, never because a weights file does: weights may come
from anywhere. Files that the user has named are remembered by their digest, so that `evaluate` and `--resume` find them
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from autograd_cnn import models
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.arguments import accepted
from autograd_cnn.training.errors import RunError

_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>\w+(?:\.\w+)*))?")


class FileModel:
    """A model from a user's file: `init(rng)` and `apply(params, x)`, which may also take the package's options.

    Attributes
    ----------
    name : str
        The file's absolute path, and ":NAME" if it was given.
    digest : str
        SHA-256 of the file, in hexadecimal.
    INPUT_SHAPE : tuple of int
        Shape (C, H, W) of the images it takes, if the file says so.
    """

    def __init__(self, name: str, digest: str, source: Any) -> None:
        self.name, self.digest, self._source = name, digest, source
        self._path = Path(_FILE.fullmatch(name)["path"])  # type: ignore[index]
        self._options = accepted(source.apply, training=None, rng=None).keys()
        if hasattr(source, "INPUT_SHAPE"):
            self.INPUT_SHAPE = source.INPUT_SHAPE

    def init(self, rng: np.random.Generator, **options: Any) -> dict[str, Tensor]:
        """Return the parameters that the file's `init` draws, with the options that it accepts."""
        with _explained(self._path):
            params = self._source.init(rng, **accepted(self._source.init, **options))
        if not isinstance(params, Mapping) or not all(isinstance(p, Tensor) for p in params.values()):
            raise RunError(f"{self.name}: init returned {_kind(params)}; expected a dict of Tensors by name")
        return dict(params)

    def apply(self, params: Any, x: Any, **options: Any) -> Any:
        """Return the file's logits (N, num_classes) of images (N, C, H, W)."""
        with _explained(self._path):
            return self._source.apply(params, x, **{k: v for k, v in options.items() if k in self._options})

    def check(self, params: Any, images: Any, num_classes: int) -> None:
        """Refuse a model whose logits do not fit the data.

        Raises
        ------
        RunError
        """
        logits = self.apply({name: p.data for name, p in params.items()}, images, training=False, rng=None)
        if np.shape(logits) != (len(images), num_classes):
            raise RunError(
                f"{self.name}: apply returned an array of shape {np.shape(logits)} for {len(images)} images of "
                f"{num_classes} classes; expected ({len(images)}, {num_classes})"
            )


def name_parts(name: str) -> tuple[Path, str | None] | None:
    """Return the path and the name in "FILE.py" or "FILE.py:NAME"; None for any other text.

    Examples
    --------
    >>> name_parts("small.py:wide")[1]
    'wide'
    >>> name_parts("lenet5")
    """
    found = _FILE.fullmatch(name)
    return found and (Path(found["path"]).expanduser(), found["name"])


def find(name: str) -> models.Model:
    """Return the model that the user names: one of the package's, or one in a file, whose code is run.

    Raises
    ------
    UnknownModelError
        If it is neither.
    RunError
        If the file cannot be read or run, or holds no such model.
    """
    parts = name_parts(name)
    if parts is None:
        return models.get(name)
    path, attribute = parts
    path = path.absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(
            f"{path} cannot be read ({error.strerror}); expected a Python file with functions init and apply"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    model = FileModel(str(path) + (f":{attribute}" if attribute else ""), digest, _source(path, content, attribute))
    _remember(digest)
    return model


def recall(
    name: str, digest: str | None, where: Path, advice: str = "--model {} takes it as it is now"
) -> models.Model:
    """Return the model that a weights file names; code in a file is run only if the user has named that file before.

    Parameters
    ----------
    name, digest : str
        As in the metadata of `where`.
    where : Path
        The file of weights, for the errors.
    advice : str
        What to do about a file that has changed.

    Raises
    ------
    RunError
        If the model's file is gone or has changed, or was never named by the user.
    """
    parts = name_parts(name)
    if parts is None:
        return models.get(name)
    path = parts[0]
    if not path.is_file():
        raise RunError(f"{where} is for the model {name}, which is not there; name its file with --model FILE.py")
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise RunError(f"{path} has changed since {where} was made; {advice.format(name)}")
    if not is_remembered(digest):
        raise RunError(f"{where} is for the model in {path}, whose code is run only if you name it: --model {name}")
    return find(name)


def _source(path: Path, content: bytes, attribute: str | None) -> Any:
    """Run a file, and return what holds `init` and `apply`: the module, or the object with the given name in it."""
    source: Any = _run(path, content)
    for part in attribute.split(".") if attribute else ():
        if not hasattr(source, part):
            raise RunError(f"{path} has no {attribute!r}; expected the name of an object with init and apply")
        source = getattr(source, part)
    if missing := [name for name in ("init", "apply") if not callable(getattr(source, name, None))]:
        what = f"{path}:{attribute}" if attribute else f"{path}"
        inside = [n for n, v in vars(source).items() if _is_model(v)] if isinstance(source, ModuleType) else []
        advice = f", or the name of an object that has both: {path}:{inside[0]}" if inside else ""
        raise RunError(f"{what} has no function {missing[0]}; expected init(rng) and apply(params, x){advice}")
    return source


def _is_model(value: Any) -> bool:
    return callable(getattr(value, "init", None)) and callable(getattr(value, "apply", None))


def _run(path: Path, content: bytes) -> ModuleType:
    """Run the content of a file as a module; it can import its neighbours, as a script can."""
    name = f"_model_{hashlib.sha256(bytes(path) + content).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        with _explained(path):
            exec(compile(content, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an exception from a user's code into one line that names the file and line."""
    try:
        yield
    except (RunError, KeyboardInterrupt, GeneratorExit):
        raise
    except SyntaxError as error:
        raise RunError(f"{path}, line {error.lineno}: {error.msg}") from error
    except BaseException as error:  # the file may call sys.exit
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        place = f", line {frames[-1].lineno}" if frames else ""
        text = " ".join(str(error).split())
        raise RunError(f"{path}{place}: {type(error).__name__}{f': {text}' if text else ''}") from error


def _memory() -> Path:
    """Return the folder with an empty file for each model's file that the user has named."""
    import pooch  # type: ignore[import-untyped]

    return Path(pooch.os_cache("autograd_cnn"), "models")


def _remember(digest: str) -> None:
    with contextlib.suppress(OSError):  # without a place to remember it, the user names the file again
        _memory().mkdir(parents=True, exist_ok=True)
        (_memory() / digest).touch()


def is_remembered(digest: str | None) -> bool:
    """Return whether the user has named a file of this content."""
    return bool(digest and re.fullmatch("[0-9a-f]{64}", digest)) and (_memory() / str(digest)).exists()


def _kind(value: Any) -> str:
    return "a dict with other values" if isinstance(value, Mapping) else f"a {type(value).__name__}"
