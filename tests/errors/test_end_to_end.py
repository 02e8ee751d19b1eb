"""Train, calibrate and audit on a transient family: a bump that spreads and sinks, and moves with time."""

import json
import shutil
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from locum.errors import (
    CheckedSurrogate,
    Tolerance,
    Truth,
    audit_report,
    calibrate,
    domain_of,
    measured_errors,
)
from locum.exceptions import StorageError
from locum.highfidelity import Mesh
from locum.highfidelity.field import FieldDescription
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import (
    Description,
    FieldData,
    InterpolatedOptions,
    TrainingData,
    read_saved,
    train_interpolated,
)

NODES, TIMES = np.linspace(0.0, 1.0, 61), np.linspace(0.0, 1.0, 9)
SPACE = ParameterSpace(
    (
        Parameter("diffusivity", 0.01, 0.1, "m2/s", scale="log"),
        Parameter("amplitude", 50.0, 150.0, "K"),
        Parameter("speed", 0.0, 0.3, "m/s"),
    )
)
DESCRIPTION = Description(
    SPACE,
    {"temperature": FieldDescription("temperature", ("time", "node"), (9, 61), "K")},
    {"hottest": "K", "energy": "J", "end": "K"},
    Mesh(NODES[:, None]),
    TIMES,
)
TOLERANCES = {"temperature": Tolerance(0.02), "hottest": Tolerance(2.0, "absolute")}


def simulate(values):
    diffusivity, amplitude, speed = values.T[:, :, None, None]
    width = 0.02 + 2 * diffusivity * TIMES[:, None]
    place = 0.35 + speed * TIMES[:, None]
    field = 0.14 * amplitude / np.sqrt(width) * np.exp(-((NODES - place) ** 2) / (2 * width))
    quantities = {
        "hottest": field[:, :, 30].max(axis=1),
        "energy": field[:, -1].mean(axis=1),
        "end": field[:, -1, -1],
    }
    return field, quantities


def truth(n, seed):
    values = SPACE.sample(n, np.random.default_rng(seed))
    field, quantities = simulate(values)
    return Truth(values, {"temperature": lambda: (field[i : i + 16] for i in range(0, n, 16))}, quantities)


def checked_surrogate(n, **options):
    values = sobol_design(SPACE, n, np.random.default_rng(0))
    field, quantities = simulate(values)
    data = FieldData(lambda: [field], InnerProduct(np.full(61, 1 / 61)), 0.02)
    training = TrainingData(DESCRIPTION, values, {"temperature": data}, quantities)
    surrogate = train_interpolated(training, InterpolatedOptions(**options)).surrogate
    calibration = calibrate(
        surrogate,
        truth(1500, 1),
        coverage=0.95,
        tolerances=TOLERANCES,
        generator=np.random.default_rng(2),
    )
    domain = domain_of(surrogate, np.random.default_rng(3))
    return CheckedSurrogate(surrogate, calibration, domain, TOLERANCES, {"study": "bump"})


@pytest.fixture(scope="module")
def bump():
    return SimpleNamespace(good=checked_surrogate(40), cut=checked_surrogate(16, max_rank=1))


def audited(checked, n=300, seed=4):
    fresh = truth(n, seed)
    measures = {name: tolerance.error for name, tolerance in TOLERANCES.items()}
    errors = measured_errors(checked.surrogate, fresh, measures)
    prediction = checked.predict(fresh.values)
    report = audit_report(
        0.95, errors.total, checked.figures(fresh.values), checked.decisive, prediction.verdict
    )
    return report, errors


def test_claimed_95_percent_are_observed(bump):
    """Four standard deviations of what 1,500 calibration and 3,000 audited simulations leave to chance."""
    report, _ = audited(bump.good, 3000)
    chance = 4 * np.sqrt(0.95 * 0.05 * (1 / 1500 + 1 / 3000))
    observed = {name: output.observed.share for name, output in report.outputs.items()}
    assert observed == pytest.approx(dict.fromkeys(DESCRIPTION.outputs, 0.95), abs=chance)
    assert report.within.share > 0.9
    assert report.silent_misses.share < 0.05
    assert all(output.sharpness < 10 for output in report.outputs.values())


def test_a_basis_cut_to_one_vector_has_honest_figures(bump):
    """What truncation loses is in the figure: nothing is marked within tolerance, and the claim holds."""
    report, errors = audited(bump.cut)
    assert np.median(errors.projection["temperature"]) > 0.1
    assert report.outputs["temperature"].claim_inside
    assert report.outputs["temperature"].sharpness < 10
    assert report.within.count == 0


def test_nearly_every_query_of_the_distribution_is_in_the_domain(bump):
    assert bump.good.predict(truth(2000, 5).values).in_domain.mean() > 0.99
    outside = bump.good.predict({"diffusivity": 0.2, "amplitude": 100.0, "speed": 0.1})
    assert outside.domain_reasons == ("diffusivity = 0.2 m2/s is above 0.1 m2/s",)
    assert outside.verdict.tolist() == ["outside the domain"]


def test_saved_and_loaded_answers_are_the_same_bits(bump, tmp_path):
    bump.good.save(tmp_path)
    loaded = CheckedSurrogate.load(tmp_path)
    values = truth(50, 6).values
    here, there = bump.good.predict(values), loaded.predict(values)
    for name, figure in here.error_figures.items():
        other = there.error_figures[name]
        assert np.array_equal(figure.value, other.value)
        assert (figure.kind, figure.norm, figure.coverage, figure.calibration) == (
            other.kind,
            other.norm,
            other.coverage,
            other.calibration,
        )
    assert np.array_equal(here["temperature"], there["temperature"])
    assert np.array_equal(here.verdict, there.verdict)
    assert loaded.tolerances == bump.good.tolerances
    assert loaded.manifest == {"study": "bump"}


def test_loading_and_asking_imports_neither_torch_nor_sklearn(bump, tmp_path):
    bump.good.save(tmp_path)
    program = (
        "import sys\nfrom pathlib import Path\nfrom locum.errors import CheckedSurrogate\n"
        f"checked = CheckedSurrogate.load(Path({str(tmp_path)!r}))\n"
        "prediction = checked.predict({'diffusivity': 0.03, 'amplitude': 100.0, 'speed': 0.1})\n"
        "assert prediction.verdict[0] == 'within tolerance', prediction\n"
        "heavy = {'torch', 'gpytorch', 'sklearn', 'zarr', 'scipy.stats', 'dask', 'sqlalchemy'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "HEAVY []\n"


@pytest.mark.parametrize("name", ["surrogate.json", "surrogate.npz", "checked.json", "checked.npz"])
def test_a_damaged_or_missing_file_is_named(bump, tmp_path, name):
    bump.good.save(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StorageError, match=f"{name} is damaged"):
        CheckedSurrogate.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(StorageError, match=name):
        CheckedSurrogate.load(tmp_path)


def test_parts_of_two_versions_do_not_go_together(bump, tmp_path):
    bump.good.save(tmp_path / "good")
    bump.cut.save(tmp_path / "cut")
    shutil.copy(tmp_path / "cut" / "surrogate.npz", tmp_path / "good" / "surrogate.npz")
    with pytest.raises(StorageError, match=r"surrogate\.npz is damaged: it does not match its hash"):
        CheckedSurrogate.load(tmp_path / "good")


def test_the_saved_form_is_json_that_people_can_read(bump, tmp_path):
    bump.good.save(tmp_path)
    document = json.loads((tmp_path / "checked.json").read_text())
    assert document["format"] == 1
    assert document["content"]["tolerances"]["hottest"] == {"value": 2.0, "error": "absolute"}
    assert [entry["unit"] for entry in read_saved(tmp_path, "surrogate").content["description"]["space"]] == [
        "m2/s",
        "K",
        "m/s",
    ]


def test_memory_is_that_of_the_answer_whatever_the_number_of_queries(bump):
    """Beside values, figures and verdicts only blocks are held."""
    queries = 300_000
    values = SPACE.sample(queries, np.random.default_rng(7))
    tracemalloc.start()
    prediction = bump.cut.predict(values)
    for name in ("hottest", "energy", "end"):
        assert np.isfinite(prediction.error_figures[name].value).all()
    assert prediction.error_figures["temperature"].value.shape == (queries,)
    assert prediction.verdict.shape == (queries,)
    lazy = prediction.to_xarray()["temperature"]
    assert lazy[queries // 2 : queries // 2 + 3].values.shape == (3, 9, 61)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lazy.nbytes > 1e9
    assert peak < 2 * kept + 250e6
