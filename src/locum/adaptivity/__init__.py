"""Decisions of the adaptive loop: pure functions of what is known."""

from locum.adaptivity.acquisition import batch_size, choose_batch
from locum.adaptivity.power_law import Extrapolation, extrapolated_samples
from locum.adaptivity.rounds import Round, standing
from locum.adaptivity.stopping import Blame, Decision, Outcome, decide, forecast, stagnates
from locum.adaptivity.sweep import SWEEP_POINTS, sweep_points
from locum.adaptivity.verdict import BoolArray, OutputVerdict, Spread, Verdict, assess, relative_to_tolerance

__all__ = [
    "SWEEP_POINTS",
    "Blame",
    "BoolArray",
    "Decision",
    "Extrapolation",
    "Outcome",
    "OutputVerdict",
    "Round",
    "Spread",
    "Verdict",
    "assess",
    "batch_size",
    "choose_batch",
    "decide",
    "extrapolated_samples",
    "forecast",
    "relative_to_tolerance",
    "stagnates",
    "standing",
    "sweep_points",
]
