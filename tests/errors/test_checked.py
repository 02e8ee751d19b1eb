import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.errors import Calibration, CheckedSurrogate, Domain, OutputCalibration, Tolerance, Verdict
from locum.exceptions import ParameterError

FIGURES = st.one_of(st.floats(0, 10), st.just(np.inf), st.just(np.nan))


def unit(measure="relative"):
    """A calibration that makes figures equal to indicators, to the last bit: scores are rounded up to one."""
    errors = np.full(30, 1.0 - 2.0 * np.finfo(float).eps)
    calibration = OutputCalibration(errors, np.ones(30), 1e-12, 0.9, measure, "relative")
    assert calibration.factor == 1.0
    return calibration


def checked(surrogate, tolerances, limit=np.inf):
    calibration = Calibration({"temperature": unit(), "highest": unit("absolute"), "flux": unit("absolute")})
    domain = Domain(surrogate.description.space, limit)
    return CheckedSurrogate(surrogate, calibration, domain, tolerances, {"study": "scripted"})


@given(
    figures=st.tuples(FIGURES, FIGURES, FIGURES),
    tolerances=st.dictionaries(
        st.sampled_from(["temperature", "highest", "flux"]), st.floats(0.1, 8), min_size=1
    ),
    gas_temperature=st.floats(1200, 1800),
)
@example(figures=(1.0, 1.0, 1.0), tolerances={"temperature": 1.0, "flux": 1.0}, gas_temperature=1500.0)
def test_within_tolerance_needs_every_figure_below_and_the_query_inside(
    scripted, figures, tolerances, gas_temperature
):
    surrogate = scripted(
        indicator=lambda x: np.full(len(x), figures[0]),
        deviations=lambda x: np.tile(np.array(figures[1:]), (len(x), 1)),
    )
    asked = checked(surrogate, {name: Tolerance(value, "absolute") for name, value in tolerances.items()})
    prediction = asked.predict({"gas_temperature": gas_temperature, "film": 1.0})
    by_name = dict(zip(("temperature", "highest", "flux"), figures, strict=True))
    fits = {name: bool(by_name[name] <= tolerance) for name, tolerance in tolerances.items()}
    if not 1300 <= gas_temperature <= 1700:
        expected = Verdict.OUTSIDE
    else:
        expected = Verdict.WITHIN if all(fits.values()) else Verdict.OVER
    assert prediction.verdict[0] == expected
    assert set(prediction.verdicts) == set(tolerances)
    for name, verdict in prediction.verdicts.items():
        assert (verdict[0] == Verdict.WITHIN) == (fits[name] and expected is not Verdict.OUTSIDE)


def test_a_prediction_that_is_no_number_is_never_within(scripted, monkeypatch):
    surrogate = scripted(deviations=lambda x: np.zeros((len(x), 2)))
    monkeypatch.setattr(
        type(surrogate), "quantity_values", lambda self, values: np.full((len(values), 2), np.nan)
    )
    for measure in ("absolute", "relative"):
        asked = checked(surrogate, {"highest": Tolerance(1.0, measure)})
        assert asked.predict(np.array([[1500.0, 1.0]])).verdict.tolist() == [Verdict.OVER]


def test_far_from_every_sample_is_outside_and_says_why(scripted):
    asked = checked(scripted(), {"temperature": Tolerance(1.0)}, limit=1e-6)
    prediction = asked.predict({"gas_temperature": 1501.0, "film": 1.0})
    assert prediction.verdict.tolist() == ["outside the domain"]
    assert "no training sample near" in prediction.domain_reasons[0]


def test_each_query_has_its_own_verdict(scripted):
    asked = checked(scripted(indicator=lambda x: x[:, 0]), {"temperature": Tolerance(0.5)})
    prediction = asked.predict({"gas_temperature": [1310, 1690, 1900], "film": 1.0})
    assert prediction.verdict.tolist() == ["within tolerance", "over tolerance", "outside the domain"]
    assert prediction.in_domain.tolist() == [True, True, False]
    assert prediction.domain_reasons == ("", "", "gas_temperature = 1900 K is above 1700 K")


def test_figures_say_what_they_are_and_only_those_asked_for_are_computed(scripted):
    def forbidden(x):
        raise AssertionError("the field's figure was not asked for")

    asked = checked(scripted(indicator=forbidden), {"highest": Tolerance(1.0, "absolute")})
    figures = asked.predict({"gas_temperature": 1500, "film": 1}).error_figures
    assert list(figures) == ["temperature", "highest", "flux"]
    assert len(figures) == 3
    figure = figures["highest"]
    assert (figure.kind, figure.coverage, figure.value) == ("indicator", 0.9, pytest.approx([0.02]))
    assert figure.calibration == "split conformal on 30 independent simulations"
    assert figures["highest"] is figure
    with pytest.raises(ParameterError, match="did you mean 'highest'"):
        figures["hihgest"]


def test_figures_of_a_sweep_are_those_of_the_prediction(scripted, space):
    asked = checked(scripted(indicator=lambda x: x[:, 1]), {"temperature": Tolerance(0.5)})
    values = space.sample(50, np.random.default_rng(0))
    sweep = asked.figures(values)
    prediction = asked.predict(values)
    for name, figure in prediction.error_figures.items():
        assert np.array_equal(sweep[name], figure.value)
    assert list(asked.figures(values, ["flux"])) == ["flux"]


def test_conditioning_keeps_calibration_and_tolerances(scripted, space):
    asked = checked(scripted(), {"temperature": Tolerance(0.5)})
    running = asked.conditioned_on(space.sample(3, np.random.default_rng(1)))
    assert len(running.surrogate.known) == len(asked.surrogate.known) + 3
    assert (running.calibration, running.tolerances) == (asked.calibration, asked.tolerances)


def test_the_dataset_carries_figures_domain_and_verdict(scripted):
    asked = checked(scripted(), {"temperature": Tolerance(0.5)})
    dataset = asked.predict({"gas_temperature": [1500, 1900], "film": 1}).to_xarray()
    assert dataset["temperature_error_figure"].attrs["kind"] == "indicator"
    assert dataset["temperature_error_figure"].attrs["coverage"] == 0.9
    assert dataset["temperature"].attrs["ancillary_variables"] == "temperature_error_figure"
    assert dataset["verdict"].values.tolist() == ["within tolerance", "outside the domain"]
    assert dataset["in_domain"].values.tolist() == [True, False]
    assert np.isfinite(dataset["temperature_error_figure"].values).tolist() == [True, False]


def test_people_see_figure_and_verdict(scripted):
    asked = checked(scripted(), {"temperature": Tolerance(0.5)})
    one = repr(asked.predict({"gas_temperature": 1500, "film": 1}))
    assert "error figure 0.02" in one
    assert "verdict: within tolerance" in one
    assert "(error figure none)" in repr(asked.predict({"gas_temperature": 1900, "film": 1}))
    many = repr(asked.predict({"gas_temperature": [1500, 1900], "film": 1}))
    assert "verdict: 1 within tolerance, 0 over tolerance, 1 outside the domain" in many
    assert "0 queries" in repr(asked.predict(np.empty((0, 2))))


@pytest.mark.parametrize(
    ("tolerances", "message"),
    [
        ({}, "finite tolerance"),
        ({"temperature": Tolerance()}, "finite tolerance"),
        ({"temperatur": Tolerance(1.0)}, "did you mean 'temperature'"),
    ],
)
def test_a_checked_surrogate_without_a_tolerance_is_refused(scripted, tolerances, message):
    with pytest.raises(ValueError, match=message):
        checked(scripted(), tolerances)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_tolerance_is_positive(value):
    with pytest.raises(ValueError, match="must be positive"):
        Tolerance(value)
