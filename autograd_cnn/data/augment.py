"""Random affine augmentation of a batch of images, by array operations alone."""

import numpy as np
from numpy.typing import NDArray

def augment(images, rng, *, shift=2.0, rotate=12.0, scale=0.1):
    raise NotImplementedError
