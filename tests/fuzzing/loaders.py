"""The loaders under test: whole files to begin with, ways to damage and to read them, and what reading may raise."""

import contextlib
import dataclasses
import functools
import importlib.util
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from autograd_cnn import models
from autograd_cnn.data import DataError
from autograd_cnn.data.idx import decompress, encode_idx, read_idx
from autograd_cnn.data.images import read_image
from autograd_cnn.nn.serialization import WeightsError, load_weights, read_metadata
from autograd_cnn.onnx import OnnxError
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.model_loading import load_model
from autograd_cnn.training.results import EpochResult, History, Underway
from autograd_cnn.training.saved_models import SavedModel
from autograd_cnn.training.saved_state import STATE_FILE, SavedState
from autograd_cnn.training.settings import Settings
from tests.fuzzing.mutations import damaged_gzip, damaged_image, damaged_safetensors, damaged_zip


@dataclasses.dataclass(frozen=True)
class Loader:
    """A loader: `seeds` returns whole files, and `load` reads one and sees that what it read is right."""

    file: str
    seeds: Callable[[], list[bytes]]
    damage: Callable[..., bytes]
    load: Callable[[Path], None]
    errors: tuple[type[Exception], ...]

    def case(self, seed, index):
        """Return the `index`-th damaged file of a seed."""
        rng = np.random.default_rng([seed, index])
        seeds = self.seeds()
        chosen, other = (seeds[int(rng.integers(0, len(seeds)))] for _ in range(2))
        return self.damage(rng, chosen, other)


def saved_models():
    """Yield several models, with all that metadata may say."""
    for name, options in (
        ("mlp", {"hidden": 5}),
        ("lenet5", {}),
        ("resnet", {"depth": 8, "width": 2}),
        ("convnet_bn", {}),
    ):
        model = models.get(name)
        params = model.init(np.random.default_rng(0), num_classes=4, **options)
        yield SavedModel(
            name, model, params, ("cat", "dog", "Käse", "猫"), model.INPUT_SHAPE, options, data="digits",
            mean=(0.5,) * model.INPUT_SHAPE[0], std=(0.25,) * model.INPUT_SHAPE[0], temperature=2.0,
        )  # fmt: skip


@functools.cache
def weights_seeds():
    """Return files of several models, with all that metadata may say."""
    return [_written("weights.safetensors", saved.save) for saved in saved_models()]


@functools.cache
def npz_seeds():
    """Return the same models as NumPy's files, and what NumPy itself writes, compressed too."""
    found, buffers = [_written("weights.npz", saved.save) for saved in saved_models()], [io.BytesIO(), io.BytesIO()]
    arrays = {name: p.data for name, p in models.mlp.init(np.random.default_rng(0), num_classes=2, hidden=3).items()}
    for save, buffer in zip((np.savez, np.savez_compressed), buffers, strict=True):
        save(buffer, **arrays)
    return found + [buffer.getvalue() for buffer in buffers]


def load_npz(path):
    """Read the arrays, and a model if the file names one."""
    weights = load_weights(path)
    assert all(np.isfinite(p.data).all() for p in weights.values())
    if "model" in read_metadata(path):
        load_weights_file(path)


def load_weights_file(path):
    """Read a model, and see that what it predicts is probabilities."""
    saved = load_model(path)
    labels, probabilities = saved.predict(np.full((1, *saved.input_shape), 0.5, np.float32))
    assert probabilities.shape == (1, len(saved.class_names))
    assert np.isfinite(probabilities).all()
    assert abs(probabilities.sum() - 1) < 1e-3
    assert 0 <= labels[0] < len(saved.class_names)


@functools.cache
def checkpoint_seeds():
    """Return the states of runs after an epoch, and in the midst of one."""
    found = []
    for name in ("adam", "sgd"):
        settings = Settings(data="digits", model="mlp", epochs=3, optimizer=name, augment=False)
        epochs = [EpochResult(1, 1.5, 0.5, 1.4, 0.6)]
        rng = dict(np.random.default_rng(0).bit_generator.state)
        for underway in (None, Underway(2, 1, 40.0, 20, 32, rng)):
            params, optimizer = fresh_run(settings)
            optimizer.steps = dict.fromkeys(optimizer.steps, 4)
            state = SavedState(
                settings,
                History([2.3, 1.1, 0.9, 0.8], epochs, 1.5, None, underway),
                {"0": 3, "1": 4},
                optimizer.steps,
                "ab",
            )
            found.append(
                _written(STATE_FILE, lambda path, s=state, p=params, o=optimizer: s.write(path.parent, p, o, {}))
            )
    return found


def fresh_run(settings):
    """Return small parameters, and their optimizer, for a run's settings."""
    params = models.mlp.init(np.random.default_rng(0), num_classes=2, hidden=3)
    return params, settings.make_optimizer(models.trainable(params))


def load_checkpoint(path):
    """Read and restore a state, and see that it is written as it was read."""
    state = SavedState.read(path.parent)
    params, optimizer = fresh_run(state.settings)
    state.restore(path.parent, params, optimizer)
    assert all(np.isfinite(p.data).all() for p in params.values())
    with tempfile.TemporaryDirectory() as folder:
        state.write(Path(folder), params, optimizer, {})
        assert repr(SavedState.read(Path(folder))) == repr(state)


@functools.cache
def idx_seeds():
    """Return IDX files of every type, empty ones, and one of many axes."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 100, (5, 4, 3)).astype(d) for d in ("u1", "i1", "i2", "i4", "f4", "f8")]
    arrays += [np.zeros((0, 3), np.uint8), np.zeros((1,) * 20, np.uint8), rng.integers(0, 256, (100, 28, 28), np.uint8)]
    return [encode_idx(array) for array in arrays]


def load_idx(path):
    """Read an array, and see that it is what the file holds."""
    array = read_idx(path)
    assert encode_idx(array) == decompress(path.read_bytes(), 2**28)


@functools.cache
def image_seeds():
    """Return images in every format that is read, in several modes, small and large, and some that are not read."""
    y, x = np.mgrid[:40, :50]
    grey = Image.fromarray((y * x % 256).astype(np.uint8))
    large = Image.fromarray((np.mgrid[:600, :500][0] // 3).astype(np.uint8))
    wide = Image.fromarray((y * x * 30).astype(np.uint16))
    colour = grey.convert("RGB")
    kinds = [
        (grey, "PNG", {}), (colour, "PNG", {}), (grey.convert("LA"), "PNG", {}), (colour.convert("RGBA"), "PNG", {}),
        (grey.convert("P"), "PNG", {"transparency": 3}), (grey.convert("1"), "PNG", {}), (wide, "PNG", {}),
        (large, "PNG", {}), (colour, "JPEG", {}), (colour, "JPEG", {"progressive": True}), (large, "JPEG", {}),
        (colour.convert("CMYK"), "JPEG", {}), (colour, "BMP", {}), (grey.convert("1"), "BMP", {}), (grey, "GIF", {}),
        (grey, "GIF", {"save_all": True, "append_images": [grey.rotate(90)]}), (colour, "WEBP", {"lossless": True}),
        (colour.convert("RGBA"), "WEBP", {}), (colour, "PPM", {}), (grey, "PPM", {}), (grey.convert("1"), "PPM", {}),
        (colour, "TIFF", {}), (grey, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "tiff_deflate"}), (colour, "TIFF", {"compression": "jpeg"}),
        (grey.convert("1"), "TIFF", {"compression": "group4"}), (wide, "TIFF", {}),
        (Image.fromarray(np.float32(y * x) / 2000), "TIFF", {}), (large, "TIFF", {"compression": "packbits"}),
        (colour, "EPS", {}),
        (grey, "ICO", {}), (colour, "TGA", {}), (colour, "PDF", {}),
    ]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    kinds += [(colour, kind, {"exif": exif}) for kind in ("PNG", "JPEG", "WEBP", "TIFF")]
    kinds += [(colour, "PNG", {"icc_profile": b"x" * 500}), (colour, "JPEG", {"comment": b"x" * 100})]
    return [_saved(*kind) for kind in kinds] + [b"P3\n2 2\n255\n" + b"1 2 3 " * 4, b"P1\n4 2\n01010101"]


def load_image(path):
    """Read an image in the sizes that a model and a caller may ask for, and see that it is pixels."""
    for channels, size in ((3, (28, 28)), (1, None)):
        image = read_image(path, channels, size)
        assert image.shape[0] == channels
        assert size is None or image.shape[1:] == size
        assert ((image >= 0) & (image <= 1)).all()


def _saved(image, kind, options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _written(name, write):
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write(Path(folder, name))
        return Path(folder, name).read_bytes()


LOADERS = {
    "weights": Loader(
        "weights.safetensors", weights_seeds, damaged_safetensors, load_weights_file, (WeightsError, RunError)
    ),
    "npz": Loader("weights.npz", npz_seeds, damaged_zip, load_npz, (WeightsError, RunError)),
    "idx": Loader("images.gz", idx_seeds, damaged_gzip, load_idx, (DataError,)),
    "images": Loader("image.png", image_seeds, damaged_image, load_image, (DataError,)),
    "checkpoint": Loader(STATE_FILE, checkpoint_seeds, damaged_safetensors, load_checkpoint, (WeightsError, RunError)),
}
if importlib.util.find_spec("onnx"):  # which is optional
    from tests.fuzzing.onnx_graphs import damaged_onnx, load_onnx, onnx_seeds

    LOADERS["onnx"] = Loader("model.onnx", onnx_seeds, damaged_onnx, load_onnx, (OnnxError,))
