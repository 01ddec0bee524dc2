"""Handwritten digits in pictures, brought into the form of MNIST's.

`ink` tells ink from paper, `ruled_lines` takes out lines, `components` and `grouping` find the digits, and `mnist_form`
scales and centres one; `reading` is all of it.
"""

from autograd_cnn.data.handwriting.mnist_form import framed
from autograd_cnn.data.handwriting.reading import read_digit, read_digits

__all__ = ["framed", "read_digit", "read_digits"]
