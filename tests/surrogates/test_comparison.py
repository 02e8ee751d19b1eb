"""The best of the surrogates of a black box: equations where there are some, Gaussian processes elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from locum.exceptions import FitError
from locum.highfidelity import Mesh
from locum.highfidelity.field import FieldDescription
from locum.inference import Structure
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import (
    Contender,
    Description,
    FieldData,
    InferredOptions,
    InferredSurrogate,
    InterpolatedOptions,
    TrainingData,
    train_best,
    train_interpolated,
)

SPACE = ParameterSpace((Parameter("a", 0.3, 3.0, scale="log"), Parameter("b", 0.3, 3.0, scale="log")))
NODES = np.linspace(0.0, 1.0, 31)


def conductors(values):
    """Two conductors in a row with heat sources: rational in both conductivities."""
    left = np.minimum(NODES, 0.5) / values[:, :1] + np.maximum(NODES - 0.5, 0.0) / values[:, 1:]
    return left * (1.0 - NODES) + NODES**2 / (values[:, :1] + values[:, 1:])


def waves(values):
    """A wave whose phase moves: no equation that is affine in the parameters holds it in a few modes."""
    return 2.0 + np.sin(4.0 * np.log(values[:, :1]) * NODES + 2.0 * np.log(values[:, 1:]))


def data_of(truth, count=24):
    values = sobol_design(SPACE, count, np.random.default_rng(0))
    fields = truth(values)
    mesh = Mesh(NODES[:, None])
    description = Description(
        SPACE, {"u": FieldDescription("u", ("node",), (len(NODES),), "")}, {"end": ""}, mesh
    )
    field = FieldData(lambda: [fields], InnerProduct(np.full(len(NODES), 1.0 / len(NODES))), 1e-3)
    return TrainingData(description, values, {"u": field}, {"end": fields[:, -1] ** 2})


@pytest.mark.parametrize(("truth", "kinds"), [(conductors, {"inferred"}), (waves, {"interpolated"})])
def test_the_best_surrogate_is_taken(truth, kinds):
    best = train_best(data_of(truth), InterpolatedOptions(), InferredOptions(correction="never"))
    assert best.surrogate.kind == best.comparison.chosen
    assert best.comparison.chosen in kinds, best.comparison.to_dict()
    held_out = SPACE.sample(200, np.random.default_rng(1))
    errors = best.surrogate.field_errors("u", held_out, truth(held_out)).total
    (shown,) = [c for c in best.comparison.contenders if c.kind == best.comparison.chosen]
    assert np.sqrt(np.mean(errors**2)) < 3 * shown.root_mean_squares()["u"]
    json.dumps(best.comparison.to_dict(), allow_nan=False)


def test_snapshots_are_read_once_for_all_kinds():
    passes = []

    def read(blocks):
        passes.append(blocks)
        return blocks

    data = data_of(conductors)
    (snapshots,) = data.fields["u"].blocks()
    counted = replace(data.fields["u"], blocks=lambda: read([snapshots]))
    best = train_best(replace(data, fields={"u": counted}), InterpolatedOptions(), InferredOptions())
    assert len(passes) == 1
    assert len(best.comparison.contenders) > 1
    alone = train_interpolated(data, InterpolatedOptions()).statistics.fields["u"]
    assert best.interpolated.fields["u"].rank == alone.rank


def test_a_method_that_was_asked_for_reads_for_itself():
    data = data_of(conductors)
    best = train_best(data, InterpolatedOptions(method="tsqr"), InferredOptions())
    assert best.interpolated.fields["u"].method == "tsqr"


def test_where_snapshots_do_not_bear_the_finest_basis_gaussian_processes_answer(monkeypatch):
    def refused(data, name):
        raise FitError("no basis so fine")

    for user in ("comparison", "inferred_training"):
        monkeypatch.setattr(f"locum.surrogates.{user}.wide_ensemble", refused)
    best = train_best(data_of(waves), InterpolatedOptions(), InferredOptions())
    assert best.surrogate.kind == "interpolated"
    assert best.comparison.contenders[1].remark == "no basis so fine"


def test_an_indicator_of_another_size_than_the_errors_stands_for_the_largest():
    errors = {"u": np.array([1e-3, 2e-3])}
    assert Contender("inferred", errors, swept={"u": 8e-3}).largest() == {"u": 2e-3}
    assert Contender("inferred", errors, swept={"u": 8e-2}).largest() == {"u": 8e-2}
    assert Contender("interpolated", errors, swept={"u": 8e-3}).largest() == {"u": 8e-3}
    assert np.isnan(Contender("hybrid", errors, swept={"u": np.nan}).largest()["u"])


def test_equations_that_part_where_no_simulation_is_are_not_taken(monkeypatch):
    data = data_of(conductors)
    wild = data.description.space.sample(1, np.random.default_rng(0))
    spread = InferredSurrogate.field_indicator

    def parting(self, field, values):
        return spread(self, field, values) + 10.0 * np.isclose(values, wild).all(axis=1)

    monkeypatch.setattr(InferredSurrogate, "field_indicator", parting)
    best = train_best(data, InterpolatedOptions(), InferredOptions(correction="never"))
    errors = {each.kind: each.root_mean_squares()["u"] for each in best.comparison.contenders}
    assert errors["inferred"] < errors["interpolated"] and best.comparison.chosen == "interpolated"


def test_a_structure_that_is_wrong_leaves_the_gaussian_processes():
    wrong = InferredOptions(Structure(("a ** 2",), ("b",)))
    best = train_best(data_of(conductors), InterpolatedOptions(), wrong)
    assert best.surrogate.kind == "interpolated" and best.inferred is None
    assert "declared terms" in best.comparison.contenders[1].remark
