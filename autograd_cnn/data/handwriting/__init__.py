"""Handwritten digits in pictures, brought into the form of MNIST's."""
