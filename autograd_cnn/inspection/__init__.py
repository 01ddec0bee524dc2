"""Looking inside: the graph as a picture, a model as a table, a computation's time by op and by line."""

from autograd_cnn.inspection.drawing import GraphDrawing, draw_graph
from autograd_cnn.inspection.profiler import Profile, profile
from autograd_cnn.inspection.summary import Summary, summary

__all__ = ["GraphDrawing", "Profile", "Summary", "draw_graph", "profile", "summary"]
