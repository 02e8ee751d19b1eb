"""Parameter spaces, their transforms and distributions, and designs of experiments."""

from locum.parameters.designs import sobol_design
from locum.parameters.distributions import Distribution, LogUniform, Normal, Uniform
from locum.parameters.space import Parameter, ParameterSpace, space_from_dict, unknown_name

__all__ = [
    "Distribution",
    "LogUniform",
    "Normal",
    "Parameter",
    "ParameterSpace",
    "Uniform",
    "sobol_design",
    "space_from_dict",
    "unknown_name",
]
