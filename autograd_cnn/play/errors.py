"""What can go wrong with the page to draw on."""

from __future__ import annotations

from autograd_cnn.output.text import ShownError


class PlayError(ShownError, RuntimeError):
    """A page that cannot be served, or a request that cannot be answered; the message is one sentence.

    Examples
    --------
    >>> issubclass(PlayError, RuntimeError)
    True
    """


class UnreadError(PlayError):
    """A picture in which the network finds nothing to read: half a digit, or two.

    Examples
    --------
    >>> issubclass(UnreadError, PlayError)
    True
    """
