"""Surrogates: what answers instead of the high-fidelity model, its predictions and its saved form."""

from locum.surrogates.equations import EquationSurrogate
from locum.surrogates.interpolated import InterpolatedField, InterpolatedSurrogate
from locum.surrogates.loading import load_surrogate
from locum.surrogates.prediction import Prediction
from locum.surrogates.projected import ProjectedSurrogate
from locum.surrogates.projected_evolution import ProjectedEvolution
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
    "Description",
    "EquationSurrogate",
    "FieldData",
    "FieldErrors",
    "FieldStatistics",
    "FigureKind",
    "InterpolatedField",
    "InterpolatedOptions",
    "InterpolatedSurrogate",
    "Prediction",
    "ProjectedEvolution",
    "ProjectedSurrogate",
    "Saved",
    "Surrogate",
    "SurrogateKind",
    "Trained",
    "TrainingData",
    "TrainingStatistics",
    "load_surrogate",
    "read_saved",
    "train_interpolated",
    "write_saved",
]
