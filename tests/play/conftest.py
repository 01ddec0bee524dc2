"""Networks and drawings for the page's tests."""

import io

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.augment import vary_handwriting
from autograd_cnn.training.digit_images import as_digits
from autograd_cnn.training.saved_models import SavedModel

DIGITS = tuple("0123456789")


def untrained(name, shape=(1, 28, 28), **options):
    """Return a model with its first parameters."""
    model = ac.models.get(name)
    options = {"in_channels": shape[0], "image_size": list(shape[1:]), **options}
    return SavedModel(name, model, model.init(0, **options), DIGITS, shape, options)


@pytest.fixture(scope="session")
def digits():
    """Some of the embedded digits, in the form of MNIST's."""
    embedded = ac.data.load("digits", "train")[:600]
    return Dataset(as_digits(embedded.images), embedded.labels)


@pytest.fixture(scope="session")
def reader(digits):
    """A LeNet-5 that has learned a little."""
    params = ac.models.lenet5.init(0)
    optimizer = ac.optim.Adam(params, lr=2e-3)
    loader = DataLoader(digits, 32, shuffle=True, transform=vary_handwriting, seed=0)
    ac.training.fit(ac.models.lenet5.apply, params, loader, optimizer=optimizer, epochs=12, progress=False)
    return SavedModel("lenet5", ac.models.lenet5, params, DIGITS, (1, 28, 28), data="digits", reading="digit")


def png(pixels):
    """Return the PNG of a drawing (H, W) in dark ink on white, of pixels from 0 to 1."""
    file = io.BytesIO()
    Image.fromarray((255 * (1 - pixels)).round().astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def drawing(image):
    """Return an image (1, 28, 28) enlarged to a drawing (140, 140)."""
    return np.kron(image[0], np.ones((5, 5), np.float32))
