"""Looking inside: the graph as a picture, a model as a table, time by op and by line, and the origin of a NaN."""

from autograd_cnn.inspection.anomaly import AnomalyError, detect_anomaly
from autograd_cnn.inspection.drawing import GraphDrawing, draw_graph
from autograd_cnn.inspection.profiler import Profile, profile
from autograd_cnn.inspection.summaries import Summary, summary
from autograd_cnn.recording.call_site import machinery

machinery(__name__)

__all__ = [
    "AnomalyError",
    "GraphDrawing",
    "Profile",
    "Summary",
    "detect_anomaly",
    "draw_graph",
    "profile",
    "summary",
]
