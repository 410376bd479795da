"""A synthetic surveillance dataset in the layout of UCF-Crime.

:func:`generate` writes short H.264 videos and the three annotation files, so
that the adapter of the real dataset reads it without a change.  The bytes
depend on the settings only, never on the number of workers.
"""

from pipeline.demo.generate import generate
from pipeline.demo.plan import DemoEvent, DemoVideo, plan_videos

__all__ = [
    "DemoEvent",
    "DemoVideo",
    "generate",
    "plan_videos",
]
