"""From a study to what it names: its high-fidelity model, and the surrogate that answers for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from locum.exceptions import ModelError, StorageError
from locum.study.command_sections import CommandSection
from locum.study.reading import load_study
from locum.study.sections import (
    AdvectionDiffusionModel,
    CooledBladeModel,
    HeatEquationModel,
    SelfHeatingModel,
    ThermalBlockModel,
)
from locum.study.study import Study

if TYPE_CHECKING:
    from locum.errors import CheckedSurrogate
    from locum.highfidelity import HighFidelityModel


def build_model(study: Study) -> HighFidelityModel:
    """Build the high-fidelity model that a study names.

    Raises
    ------
    ModelError
        Options that do not fit together, or a model of the user's that cannot be imported or does not keep
        the contract.
    """
    try:
        return _model(study)
    except ModelError as error:
        lines = str(error).splitlines()
        raise ModelError("\n".join(f"{study.path}: model: {line}" for line in lines)) from error


def _model(study: Study) -> HighFidelityModel:
    section = study.model
    if isinstance(section, ThermalBlockModel):
        from locum.highfidelity.thermal_block import ThermalBlock

        return ThermalBlock(section.blocks, section.cells)
    if isinstance(section, HeatEquationModel):
        from locum.highfidelity.heat_equation import HeatEquation

        return HeatEquation(
            section.blocks, section.cells, section.steps, section.horizon, section.implicitness
        )
    if isinstance(section, CooledBladeModel):
        from locum.highfidelity.cooled_blade import CooledBlade

        return CooledBlade(section.end_time, section.saved_times, section.steps_per_interval)
    if isinstance(section, SelfHeatingModel):
        from locum.highfidelity.self_heating import SelfHeating

        return SelfHeating(section.cells, section.biot)
    if isinstance(section, AdvectionDiffusionModel):
        from locum.highfidelity.advection_diffusion import AdvectionDiffusion

        return AdvectionDiffusion(section.cells, section.diffusivity, section.width)
    if isinstance(section, CommandSection):
        from locum.study.command_building import build_command_model

        return build_command_model(study, section)
    from locum.highfidelity.python_model import load_python_model

    return load_python_model(
        section.path,
        folder=study.path.parent,
        parameters=study.own_space(),
        options=section.options,
        units=section.units,
        version=section.version,
    )


def load_surrogate(path: str | Path, version: int | None = None) -> CheckedSurrogate:
    """Load a checked surrogate: a saved version's folder, or a study's champion (or a given version).

    Parameters
    ----------
    path
        A study file, a study's folder, or the folder of one saved version.
    version
        Number of the version; the champion where it is left out.

    Raises
    ------
    StudyError, StorageError, RegistryError
        Nothing is there, or it was written by a newer format. Loading never runs code.
    """
    from locum.registry import Registry
    from locum.snapshots import SnapshotStore

    path = Path(path)
    if (path / "checked.json").is_file():
        return _registered(path)
    study = load_study(path)
    store = SnapshotStore.open(
        study.folder, study=study.name, readonly=True, catalogue_url=study.catalogue_url
    )
    try:
        registry = Registry.open(store)
        number = registry.require_champion() if version is None else version
        return _registered(registry.version(number).folder)
    finally:
        store.close()


def _registered(folder: Path) -> CheckedSurrogate:
    """A saved version that knows its number, where the registry gave it one."""
    from locum.errors import CheckedSurrogate
    from locum.registry import MANIFEST

    checked = CheckedSurrogate.load(folder)
    path = folder / MANIFEST
    try:
        number = json.loads(path.read_bytes())["number"] if path.is_file() else None
    except (ValueError, KeyError):
        raise StorageError(f"{path} is damaged; put back a copy of it") from None
    return replace(checked, manifest={**checked.manifest, "version": number})
