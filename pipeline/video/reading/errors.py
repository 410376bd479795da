"""Why a video, or a frame of it, cannot be had."""


class DecodeError(Exception):
    """A video cannot be opened, or a frame of it not be had exactly; the message is one line."""
