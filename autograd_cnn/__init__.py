"""autograd_cnn: automatic differentiation in NumPy, with models written as plain functions."""

__version__ = "0.1.0"
