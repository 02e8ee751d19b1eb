"""The high-fidelity model's contract and the shipped models."""

from locum.highfidelity.contract import (
    HasAffineOperators,
    HasInnerProduct,
    HasOperators,
    HighFidelityModel,
    field_names,
    quantity_names,
    snapshot,
)
from locum.highfidelity.field import FieldDescription
from locum.highfidelity.mesh import MESH_VARIABLES, Mesh

__all__ = [
    "MESH_VARIABLES",
    "FieldDescription",
    "HasAffineOperators",
    "HasInnerProduct",
    "HasOperators",
    "HighFidelityModel",
    "Mesh",
    "field_names",
    "quantity_names",
    "snapshot",
]
