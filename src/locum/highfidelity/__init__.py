"""The high-fidelity model's contract, the shipped models, and the way to a user's own.

The models are imported when they are first asked for: the contract alone needs neither meshes nor solvers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from locum.highfidelity.contract import (
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

_LATER = {
    "AdvectionDiffusion": "advection_diffusion",
    "CooledBlade": "cooled_blade",
    "HeatEquation": "heat_equation",
    "SelfHeating": "self_heating",
    "ThermalBlock": "thermal_block",
    "check_capabilities": "capability_check",
    "check_simulated": "capability_check",
    "check_snapshot": "snapshot_check",
    "load_python_model": "python_model",
    "lumped_mass": "finite_elements",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
