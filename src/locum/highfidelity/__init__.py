"""The high-fidelity model's contract, the shipped models, and the way to a user's own.

The models are imported when they are first asked for: the contract alone needs neither meshes nor solvers.
"""

from typing import TYPE_CHECKING

from locum.highfidelity.contract import (
    FIELD_DIMENSIONS,
    HasAffineOperators,
    HasCoefficientExpressions,
    HasCoercivityBound,
    HasInnerProduct,
    HasOperators,
    HasOutputFunctionals,
    HasResidual,
    HasTimeDependentLoad,
    HasTimeStepping,
    HasUnknowns,
    HighFidelityModel,
    field_names,
    quantity_names,
    snapshot,
)
from locum.highfidelity.field import FieldDescription
from locum.highfidelity.mesh import MESH_VARIABLES, Mesh
from locum.lazily import lazily

if TYPE_CHECKING:
    from locum.highfidelity.advection_diffusion import AdvectionDiffusion
    from locum.highfidelity.capability_check import check_capabilities, check_simulated
    from locum.highfidelity.cooled_blade import CooledBlade
    from locum.highfidelity.finite_elements import lumped_mass
    from locum.highfidelity.heat_equation import HeatEquation
    from locum.highfidelity.python_model import load_python_model
    from locum.highfidelity.self_heating import SelfHeating
    from locum.highfidelity.snapshot_check import check_snapshot
    from locum.highfidelity.thermal_block import ThermalBlock

__all__ = [
    "FIELD_DIMENSIONS",
    "MESH_VARIABLES",
    "AdvectionDiffusion",
    "CooledBlade",
    "FieldDescription",
    "HasAffineOperators",
    "HasCoefficientExpressions",
    "HasCoercivityBound",
    "HasInnerProduct",
    "HasOperators",
    "HasOutputFunctionals",
    "HasResidual",
    "HasTimeDependentLoad",
    "HasTimeStepping",
    "HasUnknowns",
    "HeatEquation",
    "HighFidelityModel",
    "Mesh",
    "SelfHeating",
    "ThermalBlock",
    "check_capabilities",
    "check_simulated",
    "check_snapshot",
    "field_names",
    "load_python_model",
    "lumped_mass",
    "quantity_names",
    "snapshot",
]

__getattr__ = lazily(
    __name__,
    {
        "advection_diffusion": "AdvectionDiffusion",
        "capability_check": "check_capabilities check_simulated",
        "cooled_blade": "CooledBlade",
        "finite_elements": "lumped_mass",
        "heat_equation": "HeatEquation",
        "python_model": "load_python_model",
        "self_heating": "SelfHeating",
        "snapshot_check": "check_snapshot",
        "thermal_block": "ThermalBlock",
    },
)
