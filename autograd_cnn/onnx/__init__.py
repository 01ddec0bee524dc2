"""ONNX files: functions over our ops written as graphs, and graphs read as functions.

Writing records a function (`arguments`, `tracing`) with several batch sizes, compares the records (`batch`), and writes
each op as nodes (`exporter`, `building`). Reading checks a file (`files`) and runs its nodes with our ops (`importer`).
The two directions of an op stand side by side in `families`.
"""

from autograd_cnn.onnx.errors import OnnxError, UnsupportedError
from autograd_cnn.onnx.exporter import export_onnx
from autograd_cnn.onnx.importer import Imported, import_onnx
from autograd_cnn.recording.call_site import machinery

machinery(__name__)  # errors name the line of the function that is exported

__all__ = ["Imported", "OnnxError", "UnsupportedError", "export_onnx", "import_onnx"]
