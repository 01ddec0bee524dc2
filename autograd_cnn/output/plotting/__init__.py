"""Pictures of a training and of what it learned, as PNG files.

Every function takes the path of the file to write, which appears under its name once it is whole; an OSError says
that it cannot be written. They need no display, leave pyplot alone, and import matplotlib when they are called.
"""

from autograd_cnn.output.plotting.canvas import save
from autograd_cnn.output.plotting.confusion import confusion_matrix
from autograd_cnn.output.plotting.filter_tiles import filters
from autograd_cnn.output.plotting.mistaken_images import mistakes
from autograd_cnn.output.plotting.series import curves, dots, histograms
from autograd_cnn.output.plotting.training_curves import learning_curve

__all__ = ["confusion_matrix", "curves", "dots", "filters", "histograms", "learning_curve", "mistakes", "save"]
