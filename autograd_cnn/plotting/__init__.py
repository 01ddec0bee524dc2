"""Pictures of a training, of what it learned, and of a graph.

A function that draws one diagram takes `ax` and returns the Axes; one that draws several takes `figure` and returns the
Figure, and without these it makes a figure of a suitable size. `save` writes a file, and a notebook shows a figure that
is the last value of a cell. Nothing here calls `show` or pyplot, or needs a display, and matplotlib is imported when
something is drawn. Colours can be told apart by colour-blind readers, and in grey by dashes, markers or lightness.

>>> import autograd_cnn as ac
>>> ax = ac.plotting.confusion_matrix([[9, 1], [0, 8]], ["cat", "dog"])
>>> ax.get_title(loc="left")
'17 of 18 right (94.4%)'
"""

from autograd_cnn.plotting.canvas import on_axes, on_figure, save
from autograd_cnn.plotting.confusion import confusion_matrix
from autograd_cnn.plotting.feature_tiles import feature_maps
from autograd_cnn.plotting.filter_tiles import filters
from autograd_cnn.plotting.graph_boxes import graph
from autograd_cnn.plotting.image_grid import images, mistakes, seen_images
from autograd_cnn.plotting.reliability import calibration
from autograd_cnn.plotting.saliency_map import saliency
from autograd_cnn.plotting.series import curves, dots, histograms
from autograd_cnn.plotting.training_curves import learning_curve

__all__ = [
    "calibration",
    "confusion_matrix",
    "curves",
    "dots",
    "feature_maps",
    "filters",
    "graph",
    "histograms",
    "images",
    "learning_curve",
    "mistakes",
    "on_axes",
    "on_figure",
    "saliency",
    "save",
    "seen_images",
]
