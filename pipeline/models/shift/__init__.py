"""MoTAR's adaptive shift of channels in time."""

from pipeline.models.shift.module import AdaptiveShift

__all__ = ["AdaptiveShift"]
