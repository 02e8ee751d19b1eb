"""The study file, typed and validated: the one place that knows every kind and wires them together."""

from locum.study.building import build_model, load_surrogate
from locum.study.reading import load_study
from locum.study.study import Numbers, Study, study_schema

__all__ = ["Numbers", "Study", "build_model", "load_study", "load_surrogate", "study_schema"]
