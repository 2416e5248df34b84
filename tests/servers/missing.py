"""The one answer to everything that is not there."""


class ServerMissing(Exception):  # noqa: N818 - errors end in what happened
    """The server cannot be had here; the text says why, and becomes the reason of a skip or of a failure."""
