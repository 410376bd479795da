"""The anomaly categories, one file each.

Each moves in a way or shows a colour that normal life does not in that
combination; each single cue appears in normal videos too.
"""

from pipeline.demo.events.abandoned_object import AbandonedObject
from pipeline.demo.events.base import EventBase
from pipeline.demo.events.collision import Collision
from pipeline.demo.events.explosion import Explosion
from pipeline.demo.events.fighting import Fighting
from pipeline.demo.events.fire import Fire
from pipeline.demo.events.flood import Flood
from pipeline.demo.events.panic import Panic
from pipeline.demo.events.vandalism import Vandalism
from pipeline.demo.events.wrong_way import WrongWay

EVENTS: dict[str, type[EventBase]] = {
    "AbandonedObject": AbandonedObject,
    "Collision": Collision,
    "Explosion": Explosion,
    "Fighting": Fighting,
    "Fire": Fire,
    "Flood": Flood,
    "Panic": Panic,
    "Vandalism": Vandalism,
    "WrongWay": WrongWay,
}

__all__ = ["EVENTS", "EventBase"]
