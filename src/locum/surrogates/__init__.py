"""Surrogates: what answers instead of the high-fidelity model, its predictions and its saved form."""

from locum.surrogates.comparison import FAILURES, Best, Comparison, Contender, train_best
from locum.surrogates.equations import EquationSurrogate
from locum.surrogates.inferred import InferredSurrogate
from locum.surrogates.inferred_training import (
    InferredOptions,
    InferredStatistics,
    InferredTraining,
    declared_options,
    train_inferred,
)
from locum.surrogates.interpolated import InterpolatedField, InterpolatedSurrogate
from locum.surrogates.loading import load_surrogate
from locum.surrogates.prediction import Prediction
from locum.surrogates.projected import ProjectedSurrogate
from locum.surrogates.projected_evolution import ProjectedEvolution
from locum.surrogates.projected_nonlinear import ProjectedNonlinear
from locum.surrogates.saved import Saved, read_saved, write_saved
from locum.surrogates.surrogate import Description, FieldErrors, FigureKind, Surrogate, SurrogateKind
from locum.surrogates.training import (
    FieldData,
    FieldStatistics,
    InterpolatedOptions,
    Trained,
    TrainingData,
    TrainingStatistics,
    train_interpolated,
)

__all__ = [
    "FAILURES",
    "Best",
    "Comparison",
    "Contender",
    "Description",
    "EquationSurrogate",
    "FieldData",
    "FieldErrors",
    "FieldStatistics",
    "FigureKind",
    "InferredOptions",
    "InferredStatistics",
    "InferredSurrogate",
    "InferredTraining",
    "InterpolatedField",
    "InterpolatedOptions",
    "InterpolatedSurrogate",
    "Prediction",
    "ProjectedEvolution",
    "ProjectedNonlinear",
    "ProjectedSurrogate",
    "Saved",
    "Surrogate",
    "SurrogateKind",
    "Trained",
    "TrainingData",
    "TrainingStatistics",
    "declared_options",
    "load_surrogate",
    "read_saved",
    "train_best",
    "train_inferred",
    "train_interpolated",
    "write_saved",
]
