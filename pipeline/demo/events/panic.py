"""A crowd in panic."""

from typing_extensions import override

from pipeline.demo.canvas import Canvas
from pipeline.demo.events.base import EventBase
from pipeline.demo.place import Interference


class Panic(EventBase):
    """The crowd runs in all directions with raised arms."""

    @override
    def interferes(self) -> Interference:
        return Interference(rush=[(self.start, self.end)])

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        """The crowd itself shows it."""
