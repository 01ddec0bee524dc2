"""Handwritten digits in pictures, converted to the form of MNIST's.

`ink` tells ink from paper, `ruled_lines` takes out lines, `components` and `grouping` find the digits, and `mnist_form`
scales and centres one; `reading` combines these steps.
"""

from autograd_cnn.data.handwriting.mnist_form import framed
from autograd_cnn.data.handwriting.reading import read_digit, read_digits

__all__ = ["framed", "read_digit", "read_digits"]
