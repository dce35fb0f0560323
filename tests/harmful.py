"""What an attacker would put beside the weights in a file."""

from pathlib import Path


class Harmful:
    """Whoever unpickles it touches the file `marker`."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)
