"""The cooled turbine blade: transient heat conduction in a cross-section, from cold start to hot steady
running.

Hot gas flows around a profile with three cooling channels. Gas and coolant heat up together along a smooth
ramp; the gas heats the outer wall through a film coefficient that is strong at the leading edge and rises
again where the suction side turns turbulent; the coolant takes heat away in each channel. Conductivity and
heat capacity are those of Inconel 718 as functions of temperature (``data/cooled_blade/ORIGIN.md``).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError, ParameterError, SimulationError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.finite_elements import lumped, mass, shape_gradients
from locum.highfidelity.heat_conduction import ConvectiveSurface, HeatConduction, film_conductance
from locum.highfidelity.material import TabulatedMaterial, read_material
from locum.highfidelity.mesh import Mesh
from locum.parameters import Parameter, ParameterSpace

CODE_VERSION = "2"  # raise it whenever an equation of this module or of heat_conduction.py changes
DENSITY = 8170.0  # kg/m3, Inconel 718 at room temperature
COLD = 300.0  # K, everywhere at the start
CHANNELS = ("leading", "middle", "trailing")


def _film(channel: str, lower: float, upper: float) -> Parameter:
    description = f"film coefficient, {channel} channel"
    return Parameter(f"film_{channel}", lower, upper, "W/(m2 K)", "log", description=description)


PARAMETERS = ParameterSpace(
    (
        Parameter("gas_temperature", 1300.0, 1550.0, "K", description="gas around the blade, running"),
        Parameter("film_scale", 0.7, 1.25, "", description="factor on the outer film coefficient"),
        Parameter("coolant_temperature", 550.0, 750.0, "K", description="air in the channels, running"),
        _film("leading", 1500.0, 5000.0),
        _film("middle", 1000.0, 4000.0),
        _film("trailing", 2000.0, 6000.0),
        Parameter("ramp_time", 5.0, 40.0, "s", description="from cold to running temperatures of the fluids"),
    )
)


class Section(NamedTuple):
    """The stored cross-section."""

    mesh: Mesh
    edges: AnyArray  # boundary edges (E, 2)
    loop: AnyArray  # (E,): 0 outer wall, 1 to 3 the channels
    hash: str  # SHA-256 of the file


@dataclass(frozen=True)
class CooledBlade:
    """The industrial study's model.

    Parameters
    ----------
    end_time
        Seconds from cold start to the last saved time.
    saved_times
        Number of saved times, the start among them; they lie closer together at the start, where most
        happens.
    steps_per_interval
        Time steps from one saved time to the next.

    Raises
    ------
    ModelError
        Options out of range, or a mesh file that is not the one its origin names.
    """

    end_time: float = 90.0
    saved_times: int = 41
    steps_per_interval: int = 2

    def __post_init__(self) -> None:
        if not (self.end_time > 0 and self.saved_times >= 2 and self.steps_per_interval >= 1):
            raise ModelError(
                "cooled_blade: expected end_time > 0, saved_times >= 2 and steps_per_interval >= 1, "
                f"got {self.end_time}, {self.saved_times} and {self.steps_per_interval}"
            )

    @property
    def name(self) -> str:
        """Name of the model."""
        return "cooled_blade"

    @property
    def version(self) -> str:
        """Code, mesh, table and options."""
        parts = (
            section().hash,
            _table_bytes().hex(),
            DENSITY,
            COLD,
            json.dumps(asdict(self), sort_keys=True),
        )
        return f"{CODE_VERSION}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"

    @property
    def parameters(self) -> ParameterSpace:
        """Seven parameters; over the whole box the metal stays within the material's table."""
        return PARAMETERS

    @cached_property
    def times(self) -> Array:
        """Saved times in seconds, shape (T,)."""
        return self.end_time * np.linspace(0.0, 1.0, self.saved_times) ** 1.6

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Field ``temperature`` (time, node), and the highest temperature, highest gradient and final mean.

        Raises
        ------
        ParameterError
            A name missing or unknown, or a film coefficient, temperature or time that is not positive.
        SimulationError
            Newton's method failed, or the metal left the range of the material's table.
        """
        values = dict(zip(PARAMETERS.names, PARAMETERS.matrix(parameters)[0].tolist(), strict=True))
        for parameter, value in values.items():
            if value <= 0:
                raise ParameterError(f"parameter {parameter!r}: must be positive, got {value:g}")
        mesh = section().mesh
        temperature = conduction().transient(
            np.full(mesh.nodes, COLD),
            self.times,
            surfaces(values),
            steps_per_interval=self.steps_per_interval,
        )
        _check_range(temperature, conduction().material)
        return snapshot(
            mesh, {"temperature": (temperature, "K")}, quantities_of_interest(temperature), times=self.times
        )

    def inner_product(self, field: str) -> Any:
        """L2 inner product on the cross-section: the consistent mass matrix, sparse (N, N), in m2."""
        return _mass()


def surfaces(parameters: Mapping[str, float]) -> list[ConvectiveSurface]:
    """Outer wall and the three channels, with fluids that heat up from cold along a smooth ramp."""
    edges, loop = section().edges, section().loop
    points = section().mesh.points
    ramp_time = parameters["ramp_time"]
    outer = ConvectiveSurface(
        parameters["film_scale"] * film_conductance(points, edges[loop == 0], outer_film()),
        warming(parameters["gas_temperature"], ramp_time),
    )
    channels = (
        ConvectiveSurface(
            film_conductance(points, edges[loop == number], parameters[f"film_{channel}"]),
            warming(parameters["coolant_temperature"], ramp_time),
        )
        for number, channel in enumerate(CHANNELS, start=1)
    )
    return [outer, *channels]


def warming(running: float, ramp_time: float) -> Callable[[float], float]:
    """Temperature of a fluid against time: cold at first, ``running`` after ``ramp_time``, a cubic smoothstep
    between.
    """

    def temperature(time: float) -> float:
        part = min(time / ramp_time, 1.0)
        return COLD + (running - COLD) * part**2 * (3 - 2 * part)

    return temperature


def film_profile(position: Array) -> Array:
    """Outer film coefficient in W/(m2 K) for a film scale of one.

    ``position`` is the arc length from the leading edge over that side's length: 0 at the leading edge, 1 at
    the trailing edge along the suction side, -1 along the pressure side. A stagnation peak on a laminar
    floor, the rise to turbulence on the suction side at 0.4, and a slow rise along the pressure side to
    the same value at the trailing edge: the shape measured on vanes, with numbers of our own.
    """
    stagnation = 1900 * np.exp(-((position / 0.07) ** 2))
    suction = 130 * (1 + np.tanh((position - 0.4) / 0.07))
    pressure = 260 * np.clip(-position, 0.0, 1.0) ** 2
    return np.asarray(500 + stagnation + suction + pressure)


def quantities_of_interest(temperature: Array) -> dict[str, tuple[float, str]]:
    """Numbers from temperatures (T, N); the maxima are plain ones, over saved times and over nodes or
    triangles.

    Where the place of a maximum jumps, it has a kink as a function of the parameters.
    """
    points, triangles = section().mesh.points, section().mesh.cells
    assert triangles is not None
    gradients = np.einsum("mkd,tmk->tmd", _gradients(), temperature[:, triangles])
    weights = lumped(points, triangles)
    return {
        "highest_temperature": (float(temperature.max()), "K"),
        "highest_gradient": (float(np.sqrt((gradients**2).sum(axis=2).max())), "K/m"),
        "mean_temperature": (float(weights @ temperature[-1] / weights.sum()), "K"),
    }


def _check_range(temperature: Array, material: TabulatedMaterial) -> None:
    lowest, highest = material.temperatures[0], material.temperatures[-1]
    if temperature.min() < lowest or temperature.max() > highest:
        raise SimulationError(
            f"metal temperatures reached {temperature.min():.1f} to {temperature.max():.1f} K, beyond the "
            f"material's table ({lowest:g} to {highest:g} K); narrow the parameters' ranges"
        )


@lru_cache(maxsize=1)
def section() -> Section:
    """Read the stored mesh.

    Raises
    ------
    ModelError
        The file is not the one that ``mesh.json`` names.
    """
    folder = files("locum.data") / "cooled_blade"
    content = (folder / "mesh.npz").read_bytes()
    found = hashlib.sha256(content).hexdigest()
    expected = json.loads((folder / "mesh.json").read_text())["sha256"]
    if found != expected:
        raise ModelError(
            f"{folder / 'mesh.npz'} is damaged or was made anew: its SHA-256 is {found[:12]}..., "
            f"mesh.json names {expected[:12]}...; restore the file or run make_mesh.py"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        mesh = Mesh(arrays["points"], arrays["triangles"])
        return Section(mesh, arrays["boundary_edges"].astype(np.int64), arrays["boundary_loop"], found)


@lru_cache(maxsize=1)
def conduction() -> HeatConduction:
    """The section with its material: operators and numbering are prepared once a process."""
    mesh = section().mesh
    assert mesh.cells is not None
    return HeatConduction(
        mesh.points, mesh.cells, read_material(_table_bytes().decode().splitlines(), DENSITY)
    )


@lru_cache(maxsize=1)
def outer_film() -> Array:
    """Film coefficient of the outer wall at its nodes, zero elsewhere, shape (N,)."""
    film = np.zeros(section().mesh.nodes)
    nodes, position = outer_position()
    film[nodes] = film_profile(position)
    return film


def outer_position() -> tuple[AnyArray, Array]:
    """Nodes of the outer wall and where each lies: see :func:`film_profile`."""
    points = section().mesh.points
    loop = _walk(section().edges[section().loop == 0])
    loop = np.roll(
        loop, -int(np.argmin(np.linalg.norm(points[loop], axis=1)))
    )  # the leading edge is the origin
    closed = points[np.append(loop, loop[0])]
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    trailing = int(np.argmax(points[loop, 0]))
    first = arc[:-1] / arc[trailing]
    second = (arc[-1] - arc[:-1]) / (arc[-1] - arc[trailing])
    along_first = np.arange(len(loop)) <= trailing
    first_is_suction = points[loop[: trailing + 1], 1].mean() > points[loop[trailing:], 1].mean()
    sign = 1.0 if first_is_suction else -1.0
    return loop, np.where(along_first, sign * first, -sign * second)


def _walk(edges: AnyArray) -> AnyArray:
    """Nodes of a closed loop of edges, in order."""
    following = dict(edges.tolist())
    loop = [int(edges[0, 0])]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop)


@lru_cache(maxsize=1)
def _gradients() -> Array:
    cells = section().mesh.cells
    assert cells is not None
    return shape_gradients(section().mesh.points, cells)


@lru_cache(maxsize=1)
def _mass() -> Any:
    cells = section().mesh.cells
    assert cells is not None
    return mass(section().mesh.points, cells)


@lru_cache(maxsize=1)
def _table_bytes() -> bytes:
    return (files("locum.data") / "cooled_blade" / "inconel_718.csv").read_bytes()
