"""Trials: a variant trained with a seed on some videos and tried on others, each done once.

A trial's scores are a piece of the work store, found again by all that decides them: the
variant's settings, the seed, the videos on both sides, the source code, torch, and the kind of
device. So a killed experiment goes on, a new row of a table trains that row, and equal rows of
two tables are trained once. Trials run side by side, in processes of their own or, where there
are any, one a GPU.
"""

from pipeline.trials.running import grouped, run
from pipeline.trials.trial import Trial, seen

__all__ = ["Trial", "grouped", "run", "seen"]
