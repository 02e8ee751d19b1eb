import numpy as np
import pytest

from locum.errors import Calibration, OutputCalibration, Tolerance, Truth, calibrate, measured_errors


def truth(scripted, n, seed, noise):
    """Simulations whose field is off by ``noise(x)`` times a normal number, relative; exact quantities."""
    generator = np.random.default_rng(seed)
    values = scripted.description.space.sample(n, generator)
    x = scripted.description.space.warp(values)
    field = scripted.expand("temperature", scripted.coordinates("temperature", values))
    field = field * (1 + noise(x) * generator.standard_normal(n))[:, None]
    quantities = scripted.quantity_values(values) + 0.02 * generator.standard_normal((n, 2))
    return Truth(
        values,
        {"temperature": lambda: (field[start : start + 9] for start in range(0, n, 9))},
        dict(zip(scripted.description.quantities, quantities.T, strict=True)),
    )


def calibrated(scripted, truth, coverage=0.9, **tolerances):
    return calibrate(
        scripted, truth, coverage=coverage, tolerances=tolerances, generator=np.random.default_rng(0)
    )


def test_figures_cover_and_follow_the_indicator(scripted):
    """Where the indicator is right about the shape of the error, coverage holds locally as well."""

    def noise(x):
        return 0.001 + 0.05 * x[:, 0]

    surrogate = scripted(indicator=lambda x: 7.0 * noise(x))
    calibration = calibrated(surrogate, truth(surrogate, 400, 1, noise)).outputs["temperature"]
    fresh = truth(surrogate, 4000, 2, noise)
    errors = measured_errors(surrogate, fresh).total["temperature"]
    figures = calibration.figure(surrogate.field_indicator("temperature", fresh.values))
    covered = errors <= figures
    assert covered.mean() == pytest.approx(0.9, abs=0.03)
    upper = surrogate.description.space.warp(fresh.values)[:, 0] > 0.5
    assert covered[upper].mean() == pytest.approx(covered[~upper].mean(), abs=0.05)
    assert np.median(figures[upper]) > 2 * np.median(figures[~upper])


def test_coverage_averaged_over_calibrations_is_the_claim(scripted):
    surrogate = scripted(indicator=lambda x: np.full(len(x), 1.0))
    observed = []
    for seed in range(60):
        calibration = calibrated(surrogate, truth(surrogate, 50, seed, lambda x: 0.01))
        fresh = truth(surrogate, 200, 1000 + seed, lambda x: 0.01)
        errors = measured_errors(surrogate, fresh).total["temperature"]
        figures = calibration.outputs["temperature"].figure(np.ones(200))
        observed.append(np.mean(errors <= figures))
    assert np.mean(observed) == pytest.approx(46 / 51, abs=0.015)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_figures_do_not_depend_on_the_scale_of_the_indicator(scripted, factor):
    def indicator(x):
        return 0.01 + x[:, 1]

    plain, scaled = scripted(indicator=indicator), scripted(indicator=lambda x: factor * indicator(x))
    simulations = truth(plain, 60, 3, lambda x: 0.02)
    figures = [
        calibrated(surrogate, simulations)
        .outputs["temperature"]
        .figure(surrogate.field_indicator("temperature", simulations.values))
        for surrogate in (plain, scaled)
    ]
    assert figures[0] == pytest.approx(figures[1])


def test_an_indicator_that_vanishes_is_not_believed(scripted):
    """Beside a training sample the deviation is nearly zero and the error is not."""
    surrogate = scripted(indicator=lambda x: np.where(x[:, 0] < 0.1, 1e-12, 0.01))
    output = calibrated(surrogate, truth(surrogate, 200, 4, lambda x: 0.01)).outputs["temperature"]
    assert output.floor == pytest.approx(0.001)
    assert output.factor < 100
    assert output.figure(np.zeros(1))[0] == pytest.approx(output.factor * 0.001)


def test_rounding_never_costs_the_coverage_of_errors_that_are_all_the_same():
    for indicator in np.random.default_rng(0).random(50):
        same = OutputCalibration(np.ones(19), np.full(19, indicator), 1e-9, 0.95, "relative", "")
        assert (same.figure(same.indicators) >= same.errors).all()


def test_quantities_are_measured_relatively_or_absolutely_as_asked(scripted):
    surrogate = scripted()
    simulations = truth(surrogate, 80, 5, lambda x: 0.01)
    relative = calibrated(surrogate, simulations).outputs["highest"]
    absolute = calibrated(surrogate, simulations, highest=Tolerance(0.1, "absolute")).outputs["highest"]
    true = simulations.quantities["highest"]
    assert absolute.errors == pytest.approx(relative.errors * true)
    assert absolute.indicators == pytest.approx(0.02)
    assert relative.indicators == pytest.approx(0.02 / surrogate.quantity_values(simulations.values)[:, 0])
    assert (relative.norm, absolute.norm) == ("relative", "absolute, in K")


@pytest.mark.parametrize("n", [0, 5, 18])
def test_too_few_simulations_claim_nothing_and_say_so(scripted, n):
    surrogate = scripted()
    output = calibrated(surrogate, truth(surrogate, n, 6, lambda x: 0.01), 0.95).outputs["temperature"]
    assert np.isinf(output.figure(np.full(3, 0.01))).all()
    assert output.summary == f"too few calibration simulations: {n}, where 0.95 needs 19"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_indicator_that_is_no_number_gives_an_infinite_figure(bad):
    output = OutputCalibration(np.ones(30), np.ones(30), 0.1, 0.9, "relative", "relative")
    assert output.figure(np.array([bad, 1.0])) == pytest.approx([np.inf, 1.0])


def test_a_perfect_surrogate_has_figures_of_zero(scripted):
    surrogate = scripted(indicator=lambda x: np.zeros(len(x)))
    output = calibrated(surrogate, truth(surrogate, 30, 7, lambda x: 0.0)).outputs["temperature"]
    assert output.figure(np.zeros(2)).tolist() == [0.0, 0.0]


def test_snapshots_that_do_not_match_the_points_are_refused(scripted):
    surrogate = scripted()
    simulations = truth(surrogate, 20, 8, lambda x: 0.01)
    for blocks in ([np.ones((19, 3))], [np.ones((20, 3)), np.ones((1, 3))]):
        wrong = Truth(simulations.values, {"temperature": lambda b=blocks: b}, simulations.quantities)
        with pytest.raises(ValueError, match="do not hold 20 snapshots"):
            measured_errors(surrogate, wrong)


def test_saved_and_loaded_calibrations_give_the_same_bits(scripted):
    surrogate = scripted()
    calibration = calibrated(surrogate, truth(surrogate, 40, 9, lambda x: 0.01))
    again = Calibration.from_saved(*calibration.to_saved())
    for name, output in calibration.outputs.items():
        assert again.outputs[name].factor == output.factor
        assert again.outputs[name].summary == output.summary
        assert (again.outputs[name].projection is None) == (name != "temperature")
