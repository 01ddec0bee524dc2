"""How a call of an op is understood: where its arguments stand, and what may stand where it takes an array."""

from autograd_cnn.recording.call_site import machinery

machinery(__name__)
