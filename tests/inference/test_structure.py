"""Structures: read safely, found where they are, and wrong ones told from the right one."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError, ParameterError
from locum.inference import structure
from locum.inference.steady import infer_steady
from locum.inference.structure import Judge, Structure, discover, library_of
from locum.parameters import Parameter, ParameterSpace


def test_the_structure_of_the_thermal_block_is_found(block):
    found = discover(block.space, block.values[:30], block.coordinates[:30])
    assert set(found.structure.theta) == set(block.space.names)
    assert found.structure.phi == ("1",)
    assert found.score < 5 * found.floor


def test_what_a_search_found_is_judged_with_all_simulations(block, monkeypatch):
    """A search looks at some of them: their number would count against the right structure."""
    monkeypatch.setattr(structure, "MOST_SEARCHED", 12)
    found = discover(block.space, block.values, block.coordinates)
    assert set(found.structure.theta) == set(block.space.names)
    assert found.score < 0.5 * dict(found.tried)[found.structure]


def test_a_wrong_structure_leaves_ten_times_the_error(block):
    """A block forgotten, or a resistance for a conductivity."""
    judge = Judge(block.space, block.values[:30], block.coordinates[:30])
    names = block.space.names
    right = judge.score(Structure(names, ("1",)))
    for wrong in (names[:3], (*names[:3], f"1 / {names[3]}")):
        assert judge.score(Structure(wrong, ("1",))) > 10 * right


def test_declared_terms_are_searched_and_angles_enter_by_their_cosine():
    """A field that turns with an angle in degrees, and falls with exp(-load)."""
    space = ParameterSpace((Parameter("angle", 0.0, 90.0, "deg"), Parameter("load", 0.0, 2.0)))
    values = space.sample(30, np.random.default_rng(0))
    angle, load = np.radians(values[:, 0]), values[:, 1]
    parts = np.random.default_rng(1).standard_normal((3, 6))
    terms = np.stack([np.cos(angle), np.sin(angle), 5.0 * np.exp(-load)], axis=1)
    found = discover(space, values, terms @ parts, terms=("exp(-load)",))
    assert found.structure.theta == ("1",)
    assert set(found.structure.phi) >= {"exp(-load)", "cos(pi / 180 * angle)", "sin(pi / 180 * angle)"}
    assert found.score < 1e-3


def test_terms_are_expressions_of_the_parameters(block):
    with pytest.raises(ParameterError, match="unknown name 'stiffness'"):
        Structure(("stiffness",), ("1",)).coefficients(block.space)
    with pytest.raises(ParameterError, match="at least one term"):
        Structure((), ("1",)).coefficients(block.space)
    Structure(library_of(block.space), ("1",)).coefficients(block.space)


def test_terms_that_say_the_same_or_nothing_are_never_chosen(block):
    judge = Judge(block.space, block.values[:30], block.coordinates[:30])
    first, second = block.space.names[:2]
    for theta in ((first, f"2 * {first}"), (first, f"log(-{second})"), (first, "0")):
        assert judge.score(Structure(theta, ("1",))) == np.inf


def test_what_is_found_far_from_an_error_to_beat_is_not_followed(block):
    """Fields that have nothing to do with the parameters."""
    fields = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(FitError, match=r"structure that was found \(matrix: .*far from the 1 % to beat"):
        infer_steady(block.space, block.values[:20], fields, to_beat=0.01)
