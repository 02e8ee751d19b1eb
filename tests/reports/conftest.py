"""A made-up study with everything that a report can show: transient heat in a blade-like section."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from locum.adaptivity import OutputVerdict, Round, Spread, Verdict
from locum.parameters import Normal, Parameter, ParameterSpace
from locum.reports.content import (
    Basis,
    Case,
    Cost,
    FailedSample,
    HeldOut,
    HeldOutOutput,
    Output,
    Provenance,
    PurposeCost,
    Report,
    Samples,
    StudyVerdict,
    Sweep,
    Version,
)
from locum.reports.way import Way

HOLES = ((0.012, 0.0035, 0.0026), (0.024, 0.0042, 0.0022), (0.036, 0.0026, 0.0014))


def blade_mesh(nodes: int = 2500) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of a cambered section with three round channels."""
    generator = np.random.default_rng(3)
    chord, n = 0.05, 200
    s = (1 - np.cos(np.linspace(0, np.pi, n))) / 2
    thickness = (
        0.85 * chord * 0.34 * (1.48 * np.sqrt(s) - 0.63 * s - 1.758 * s**2 + 1.4215 * s**3 - 0.5 * s**4)
    )
    camber = 0.012 * np.sin(np.pi * s) * (1 - 0.35 * s)

    def inside(points: np.ndarray) -> np.ndarray:
        at = np.clip(points[:, 0] / chord, 0, 1)
        half, middle = np.interp(at, s, thickness / 2), np.interp(at, s, camber)
        keep = np.abs(points[:, 1] - middle) < half * 1.3 + 1e-5
        for x, y, radius in HOLES:
            keep &= np.hypot(points[:, 0] - x, points[:, 1] - y - 0.005) > radius
        return np.asarray(keep)

    cloud = generator.random((nodes * 9, 2)) * [chord, 0.025] - [0, 0.006]
    cloud = cloud[inside(cloud)][:nodes]
    rims = [
        np.stack([x + 1.02 * r * np.cos(a), y + 0.005 + 1.02 * r * np.sin(a)], axis=1)
        for x, y, r in HOLES
        for a in [np.linspace(0, 2 * np.pi, 48, endpoint=False)]
    ]
    skin = [np.stack([s * chord, camber + sign * 0.65 * thickness], axis=1) for sign in (-1, 1)]
    points = np.concatenate([cloud, *rims, *skin])
    points = points[np.unique(np.round(points, 7), axis=0, return_index=True)[1]]
    cells = Delaunay(points).simplices
    return points, cells[inside(points[cells].mean(axis=1))].astype(np.int64)


def blade_space() -> ParameterSpace:
    return ParameterSpace(
        (
            Parameter("gas_temperature", 1300, 1700, "K", description="hot gas around the blade"),
            Parameter("coolant_temperature", 600, 900, "K", description="air in the channels"),
            Parameter(
                "film_scale", 0.5, 2.0, "", "log", description="outer film coefficient over its reference"
            ),
            Parameter(
                "channel_film", 500, 5000, "W/(m² K)", "log", description="film coefficient in the channels"
            ),
            Parameter("ramp_time", 1, 60, "s", "log", description="from idle to full load"),
            Parameter(
                "conductivity_scale",
                0.9,
                1.1,
                "",
                distribution=Normal(1.0, 0.03),
                description="batch of alloy",
            ),
        )
    )


def blade_case(label: str, seed: int, error: float) -> Case:
    points, cells = blade_mesh()
    generator = np.random.default_rng(seed)
    times = np.linspace(0, 120, 40)
    x, y = (points / 0.05).T
    steady = 700 + 620 * np.exp(-((x - 0.02) ** 2) / 0.08) + 260 * x**2
    for hole_x, hole_y, radius in HOLES:
        steady -= 160 * np.exp(
            -((points[:, 0] - hole_x) ** 2 + (points[:, 1] - hole_y - 0.005) ** 2) / (2 * radius) ** 2
        )
    simulated = 300 + (steady - 300) * (1 - np.exp(-times[:, None] / 25))
    wave = np.sin(9 * x + generator.random() * 6) * np.cos(14 * y)
    predicted = simulated + error * 900 * wave * (times[:, None] / 20) * np.exp(1 - times[:, None] / 20)
    values = dict(zip(blade_space().names, blade_space().sample(1, generator)[0].tolist(), strict=True))
    return Case(
        label, "temperature", "K", "audit", f"{seed:064x}"[::-1], values, error, 1.6 * error,
        points, cells, simulated, predicted, times,
    )  # fmt: skip


def held_out(purpose: str, n: int, seed: int) -> HeldOut:
    generator = np.random.default_rng(seed)
    outputs = {}
    for name, centre, size in (
        ("temperature", None, 4e-3),
        ("highest_temperature", 1450.0, 3.0),
        ("highest_gradient", 9.0e4, 700.0),
        ("mean_temperature_at_end", 1120.0, 1.5),
    ):
        scores = generator.lognormal(-0.2, 0.5, n)
        indicator = size * generator.lognormal(-1.2, 0.35, n)
        errors, figures = scores * indicator, 1.95 * indicator
        simulated = predicted = None
        if centre is not None:
            simulated = centre * (0.8 + 0.4 * generator.random(n))
            predicted = simulated + errors * generator.choice([-1, 1], n)
        outputs[name] = HeldOutOutput(errors, figures, scores, simulated, predicted)
    return HeldOut(purpose, outputs, np.ones(n, dtype=bool))  # type: ignore[arg-type]


def blade_rounds(outputs: tuple[Output, ...]) -> tuple[Round, ...]:
    shares = (0.42, 0.81, 0.947, 0.9921)
    rounds = []
    for number, (simulations, share) in enumerate(zip((104, 136, 168, 200), shares, strict=True)):
        spreads = {
            o.name: Spread(*(t * f * 0.55**number for f in (0.9, 2.6, 7.5)))
            for o in outputs
            if (t := o.tolerance)
        }
        measured = {name: Spread(s.q50 / 2.6, s.q95 / 2.2, s.max / 4.4) for name, s in spreads.items()}
        verdict = Verdict(
            20000, share + 0.002, share, 0.99, 0.95, 0.004, Spread(0.3, 0.8, 1.2), 0.99,
            {o.name: OutputVerdict(o.tolerance, spreads[o.name], share) for o in outputs if o.tolerance},
        )  # fmt: skip
        rounds.append(Round(number, simulations - 40, 40, simulations, verdict, measured))
    return tuple(rounds)


@pytest.fixture(scope="session")
def blade_report() -> Report:
    space = blade_space()
    generator = np.random.default_rng(1)
    outputs = (
        Output("temperature", "field", "K", "L2 over space and time", True, 0.01),
        Output("highest_temperature", "quantity of interest", "K", "absolute value", False, 5.0),
        Output("highest_gradient", "quantity of interest", "K/m", "absolute value", False, 1500.0),
        Output("mean_temperature_at_end", "quantity of interest", "K", "absolute value", False, 3.0),
    )
    sweep = space.sample(20000, generator)
    warped = space.warp(sweep)
    raw = np.exp(
        1.1 * warped[:, 2] ** 2 + 0.9 * (1 - warped[:, 4]) ** 3 + 0.3 * warped[:, 0]
    ) * generator.lognormal(0, 0.15, 20000)
    figures = {
        o.name: o.tolerance * raw / 7.4 * (0.6 + 0.4 * (i == 0)) for i, o in enumerate(outputs) if o.tolerance
    }
    samples = space.sample(203, generator)
    failed = np.zeros(203, dtype=bool)
    failed[[11, 90, 160]] = True
    values = np.arange(1, 61)
    return Report(
        study="cooled_blade",
        description="Transient heat conduction in a cooled turbine blade, from cold start to hot running.",
        path="configs/cooled_blade.yaml",
        model="cooled_blade",
        model_version="1.0+3f2a9c",
        created="2026-11-20T14:05:00",
        space=space,
        outputs=outputs,
        verdict=StudyVerdict(
            "within tolerance",
            "The champion can be asked. An audit of 200 fresh simulations supports the claim.",
            0.95, 0.99, 0.9921,
        ),
        coverage=0.95,
        budget=600,
        provenance=Provenance(
            "locum run configs/cooled_blade.yaml",
            20261120,
            {"study": "ab" * 32, "model version": "1.0+3f2a9c", "training set": "9e" * 32, "mesh": "4d" * 32},
            {"locum": "0.1.0", "numpy": "2.4.1", "scipy": "1.17.0", "torch": "2.13.0", "gpytorch": "1.15.2"},
            "Linux x86_64, Python 3.11.7, 2 cores",
        ),
        rounds=blade_rounds(outputs),
        bases=(
            Basis(
                "temperature", 3e4 * np.exp(-0.32 * values**0.95), 31, 8.1e-4, "gram+choleskyqr", "L2",
                "space",
            ),
            Basis(
                "temperature", 1e4 * np.exp(-0.5 * values[:40]), 12, 2.2e-4, "gram+choleskyqr", "L2", "time",
            ),
        ),
        calibration=held_out("calibration", 40, 5),
        audit=held_out("audit", 200, 6),
        cases=(blade_case("worst", 8, 0.0083), blade_case("median", 9, 0.0021)),
        sweep=Sweep(sweep, figures, generator.random(20000) > 0.004),
        samples=Samples(samples, ("design",) * 203, failed),
        cost=Cost(
            (
                PurposeCost("design", 64, 1, 96.4), PurposeCost("calibration", 40, 0, 61.0),
                PurposeCost("adaptive", 96, 2, 147.2), PurposeCost("audit", 200, 0, 301.5),
            ),
            18.4, 6.2, 372.0, 1.52, 142e-6, 100_000, 3.1,
        ),
        way=Way("interpolated", "because model cooled_blade hands over no operators"),
        failures=tuple(
            FailedSample(
                f"{i:064x}"[::-1], dict(zip(space.names, row.tolist(), strict=True)), "design", "raised",
                "Newton did not converge at time 12.5 s after 25 iterations")
            for i, row in enumerate(samples[failed], 77)
        ),
        versions=(
            Version(1, "", "2026-11-20T13:51:00", 64, 40, "promoted: the first"),
            Version(2, "", "2026-11-20T13:54:00", 96, 40, "promoted: 95 % quantile of the error 45 % lower"),
            Version(3, "", "2026-11-20T13:58:00", 128, 40, "refused: coverage not kept"),
            Version(4, "champion", "2026-11-20T14:02:00", 160, 40, "promoted: error 43 % lower"),
        ),
        champion=4,
    )  # fmt: skip


@pytest.fixture(scope="session")
def empty_report(blade_report: Report) -> Report:
    """The same study before its first simulation."""
    return replace(
        blade_report, rounds=(), bases=(), calibration=None, audit=None, cases=(), sweep=None, samples=None,
        cost=None, way=None, failures=(), versions=(), champion=None,
        verdict=StudyVerdict("over tolerance", "Run the study.", 0.95, 0.99),
    )  # fmt: skip
