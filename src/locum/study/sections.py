"""The sections of a study file, typed and validated. The texts below the keys are what editors show.

Each section holds what one room needs, under the names that its options have there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from locum.exceptions import ParameterError
from locum.parameters import Parameter
from locum.parameters.space import Scale
from locum.study.command_sections import CommandSection
from locum.study.section import ModelKeys, Section, located_name
from locum.study.values import AutoCount, AutoPair, Count, DistributionValue, Fraction, Positive, Seconds


class ThermalBlockModel(ModelKeys):
    """Steady heat conduction in a square of k x k blocks; parameters ``conductivity_11``, ..."""

    kind: Literal["thermal_block"]
    blocks: Count = 2
    """Blocks per side; each has a conductivity."""
    cells: Count | None = None
    """Mesh cells per side, a multiple of blocks; left out, about 7,000 nodes."""


class HeatEquationModel(ModelKeys):
    """The square of k x k blocks heating up from zero; parameters ``conductivity_11``, ..."""

    kind: Literal["heat_equation"]
    blocks: Count = 2
    """Blocks per side; each has a conductivity."""
    cells: Count | None = None
    """Mesh cells per side, a multiple of blocks; left out, about 7,000 nodes."""
    steps: Count = 40
    """Equal time steps, all saved."""
    horizon: Positive = 1.0
    """End of the time interval."""
    implicitness: Positive = 1.0
    """1 for implicit Euler, 0.5 for Crank-Nicolson."""


class CooledBladeModel(ModelKeys):
    """Transient heat conduction in the cross-section of a cooled turbine blade; seven parameters."""

    kind: Literal["cooled_blade"]
    end_time: Positive = 90.0
    """Seconds from cold start to the last saved time."""
    saved_times: Count = 41
    """Number of saved times, the start among them."""
    steps_per_interval: Count = 2
    """Time steps from one saved time to the next."""


class SelfHeatingModel(ModelKeys):
    """A slab that heats itself; its response is steep in a corner of the space. Two parameters."""

    kind: Literal["self_heating"]
    cells: Count = 200
    """Elements from the middle to the face."""
    biot: Positive = 10.0
    """Heat transfer at the face over conduction in the slab."""


class AdvectionDiffusionModel(ModelKeys):
    """A substance that a source releases into a wind; parameters are the angle of the wind and the source."""

    kind: Literal["advection_diffusion"]
    cells: Annotated[Count, Field(ge=2)] = 60
    """Squares per side, each cut in two triangles."""
    diffusivity: Positive = 0.02
    """Against a wind of one; the smaller, the thinner the layers."""
    width: Positive = 0.15
    """Of the source."""


class PythonModel(ModelKeys):
    """Your own model: a function of the parameters, or a class that keeps the model contract."""

    kind: Literal["python"]
    path: str = Field(examples=["fin.py:simulate", "package.module:Model"])
    """``file.py:name``, relative to the study file, or ``package.module:name``."""
    version: str | None = None
    """Change it whenever results change. Left out, it follows from the file's source."""
    options: dict[str, Any] = {}
    """Further arguments by name, the same for every simulation."""
    units: dict[str, str] = {}
    """Units of fields and quantities, and of ``coordinates`` and ``times``, where the model gives none."""

    def located(self, folder: Path) -> dict[str, Any]:
        """The keys that name files, as they are from anywhere."""
        return {"path": located_name(self.path, folder)}

    def decisive(self) -> dict[str, Any]:
        """The keys that results depend on, wherever the study is copied."""
        return {**self.model_dump(mode="json"), "path": Path(self.path).name}


ModelSection = Annotated[
    ThermalBlockModel
    | HeatEquationModel
    | AdvectionDiffusionModel
    | CooledBladeModel
    | SelfHeatingModel
    | PythonModel
    | CommandSection,
    Field(discriminator="kind"),
]


class ParameterSection(Section):
    """One parameter. Where the model brings its own, what is left out here stays as it is there."""

    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """[lower, upper], in the unit."""
    unit: str | None = None
    """For people, tables and stored arrays."""
    scale: Scale | None = None
    """log where orders of magnitude matter: fitted on the logarithm. Linear otherwise."""
    distribution: DistributionValue | None = None
    """How queries are distributed: the claims hold over it. Left out, uniform in the scale."""
    description: str | None = None
    """A few words for tables and pictures."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.range is not None:
            try:
                self.on("p", None)
            except ParameterError as error:
                raise ValueError(str(error).removeprefix("parameter 'p': ")) from None
        return self

    def on(self, name: str, given: Parameter | None) -> Parameter:
        """The parameter of a study: these keys, on top of the model's own where it brings one.

        Raises
        ------
        ParameterError
            No range anywhere, one that leaves the model's own, or one that is reversed or does not suit the
            scale.
        """
        if given is None and self.range is None:
            raise ParameterError(f"parameter {name!r}: key 'range' is missing; write range: [lower, upper]")
        base = given or Parameter(name, 0.0, 1.0)
        lower, upper = self.range or (base.lower, base.upper)
        if given is not None and (lower < given.lower or upper > given.upper):
            raise ParameterError(
                f"parameter {name!r}: range [{lower:g}, {upper:g}] leaves the model's own, "
                f"[{given.lower:g}, {given.upper:g}]; narrow it"
            )
        kept = base.distribution if self.scale in (None, base.scale) else None
        return Parameter(
            name,
            lower,
            upper,
            unit=base.unit if self.unit is None else self.unit,
            scale=self.scale or base.scale,
            distribution=self.distribution or kept,
            description=base.description if self.description is None else self.description,
        )


class FieldAccuracy(Section):
    """What is asked of one field."""

    tolerance: Positive
    """Largest acceptable relative error, in the study's norm."""


class QuantityAccuracy(Section):
    """What is asked of one quantity of interest."""

    tolerance: Positive
    """Largest acceptable error."""
    error: Literal["relative", "absolute"] = "relative"
    """Relative to the true value, or absolute in the quantity's unit."""


class Accuracy(Section):
    """What the study promises."""

    tolerance: Positive
    """Largest acceptable relative error of every field, in the study's norm: 0.01 is one percent."""
    confidence: Fraction = 0.95
    """Probability with which an error figure covers the true error, and at which the share is stated."""
    share: Fraction = 0.99
    """Share of the parameter distribution that must be within tolerance."""
    fields: dict[str, FieldAccuracy] = {}
    """Fields whose tolerance differs."""
    quantities: dict[str, QuantityAccuracy] = {}
    """Quantities of interest with a tolerance; the others only get an error figure."""


class Budget(Section):
    """What the study may cost."""

    simulations: Count | None = None
    """Simulations in all: design, calibration and what the loop adds. Left out, no limit."""
    wall_time: Seconds | None = Field(default=None, examples=["20 min", "2 h"])
    """Time of one run of the loop: seconds, or such as 90 s, 20 min, 2 h. Left out, no limit."""


class Reduction(Section):
    """How fields are reduced."""

    method: Literal["auto", "gram+choleskyqr", "tsqr"] = "auto"
    """Gram matrix with a correction, or the slower TSQR where very small modes matter."""
    truncation_share: Fraction = 0.2
    """Part of a field's tolerance that the basis may use up."""
    max_rank: AutoCount = None
    """Largest number of reduced coordinates of a field; auto takes what the tolerance needs. Projected
    surrogates have no limit, and refuse one."""


class Regression(Section):
    """How reduced coordinates follow from parameters: Gaussian processes."""

    kernel: Literal["auto", "rbf", "rational-quadratic", "matern-5/2", "matern-3/2"] = "auto"
    """auto chooses by leave-one-out error."""


class Calibration(Section):
    """Simulations that train nothing and turn indicators into error figures."""

    simulations: AutoCount = None
    """auto takes a third of the budget, between what the confidence needs (19 for 95 %) and 100. The more
    there are, the less the true coverage scatters around the claim: by 0.05 with 19, by 0.02 with 100. A
    projected surrogate needs none: auto takes 10, which only show how its figures compare with the truth."""


class Design(Section):
    """Where the loop starts and how fast it goes."""

    initial: AutoPair = None
    """Simulations of the first design; auto takes 5 for each parameter, and at least 10. A projected
    surrogate starts with one for each parameter and two more, and at least one for each worker."""
    batch: AutoCount = None
    """Simulations a round; auto takes a sixth of what trains already, a whole number for each worker. For a
    projected surrogate it takes one for each worker."""


class StructureSection(Section):
    """How the parameters enter the model's equations: expressions of them, such as cos(angle)."""

    matrix: list[str] = []
    """Terms of the operator on the state. Left out, all terms are found by cross-validation."""
    load: list[str] = ["1"]
    """Terms of the right-hand side; of a transient field they may hold the time."""
    products: list[str] = []
    """Terms of an operator on products of the state with itself; transient fields only."""
    terms: list[str] = []
    """More terms to search among, where none are declared; steady fields only."""


class Methods(Section):
    """How things are done; all of it may be left to auto."""

    surrogate: Literal["auto", "interpolated", "projected", "inferred", "hybrid", "best"] = "auto"
    """interpolated: reduced basis and regression, from snapshots alone. projected: the model's own equations
    on a reduced basis, with error bounds; for models that hand over their operators. inferred: equations
    found in snapshots; hybrid: with Gaussian processes on what those leave, where they help. best:
    interpolated, inferred or hybrid, whichever predicts the training simulations best without having seen
    them. auto is projected where the model allows it, and best otherwise; the report says which, and why."""
    indicator: Literal["auto", "deviation", "residual"] = "auto"
    """What indicates the error of an interpolated field before it is calibrated. deviation: what the
    regression says of itself. residual: what the model's equations say of the answer, for steady models that
    hand over their operators and an inner product, or residual and Jacobian. auto is residual where it can be
    had at little cost."""
    structure: StructureSection | None = None
    """How the parameters enter the equations that are inferred; left out, it is found."""
    reduction: Reduction = Reduction()
    regression: Regression = Regression()
    calibration: Calibration = Calibration()
    design: Design = Design()


class Execution(Section):
    """Where simulations run."""

    cluster: Literal["local"] = "local"
    """local: worker processes on this machine."""
    workers: AutoCount = None
    """Simulations at the same time; auto takes all cores."""
    timeout: Seconds | None = Field(default=None, examples=["60 s", "2 h"])
    """A simulation that takes longer is stopped and recorded as failed."""


class Storage(Section):
    """Where the study keeps what it makes."""

    folder: str | None = None
    """Relative to the study file; left out, data/NAME beside it."""
    catalogue: str | None = Field(default=None, examples=["postgresql+psycopg://host/database"])
    """Database URL; left out, an SQLite file in the folder."""
