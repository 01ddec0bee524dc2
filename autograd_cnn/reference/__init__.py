"""Definitions that the tests compare the package with: a tape on one page, and convolution and pooling by loops."""
