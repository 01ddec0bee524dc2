"""The definitions that the package is held against: a tape on one page, and convolution and pooling by loops."""
