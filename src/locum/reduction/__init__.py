"""Inner products and reduced bases: proper orthogonal decomposition of ensembles larger than memory."""

from locum.reduction.ensemble import CompressedEnsemble, compressed_ensemble
from locum.reduction.field_basis import (
    FieldBasis,
    SteadyBasis,
    TransientBasis,
    field_basis,
    field_basis_from_arrays,
)
from locum.reduction.inner_product import InnerProduct
from locum.reduction.pod import ReducedBasis, pod
from locum.reduction.stepwise import StepwiseBasis

__all__ = [
    "CompressedEnsemble",
    "FieldBasis",
    "InnerProduct",
    "ReducedBasis",
    "SteadyBasis",
    "StepwiseBasis",
    "TransientBasis",
    "compressed_ensemble",
    "field_basis",
    "field_basis_from_arrays",
    "pod",
]
