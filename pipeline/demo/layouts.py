"""The kinds of place: where the ground lies, who moves there and how it looks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Geometry of one kind of place, in units of the frame's height.

    ``lanes`` are the ground lines of vehicles, ``walk`` the strip in which
    feet may stand, ``wall`` the height at which the back wall meets the ground.
    """

    name: str
    wall: float
    walk: tuple[float, float]
    lanes: tuple[float, ...] = ()
    crowd: bool = False
    indoor: bool = False


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("street", wall=0.42, walk=(0.47, 0.53), lanes=(0.7, 0.9)),
        Layout("carpark", wall=0.3, walk=(0.56, 0.7), lanes=(0.78, 0.92)),
        Layout("square", wall=0.3, walk=(0.48, 0.94), crowd=True),
        Layout("platform", wall=0.46, walk=(0.6, 0.95), crowd=True),
        Layout("corridor", wall=0.45, walk=(0.62, 0.94), indoor=True),
    )
}


def person_height(y: float) -> float:
    """Height of a person whose feet stand at ``y``: nearer is larger."""
    return 0.13 + 0.3 * y


def vehicle_length(y: float) -> float:
    """Length of a car whose wheels stand at ``y``."""
    return 0.2 + 0.4 * y
