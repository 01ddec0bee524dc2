"""How a call of an op is read: which parameter each argument belongs to, and what an op accepts as an array."""

from autograd_cnn.recording.call_site import machinery

machinery(__name__)
