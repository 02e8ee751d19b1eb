"""A model that only assembles its operators, as projection sees it: its affine form, found once and kept.

Everything is found from assembled systems at chosen parameters, without a solve: an affine form, polynomials
for its coefficients, and what both leave out. The stability constant is interpolated. Error figures that rest
on this are estimates.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from locum.arrays import AnyArray, Array, prefixed, taken
from locum.exceptions import ModelError, StorageError
from locum.highfidelity import HasCoercivityBound, HasInnerProduct, HasOperators
from locum.highfidelity.equations import Equations
from locum.parameters import ParameterSpace
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.chebyshev import POINTS_PER_TERM
from locum.reduction.coefficients import (
    CHECKED_POINTS,
    MOST_TERMS,
    CoefficientExpressions,
    PolynomialCoefficients,
    coefficients_from_saved,
    coefficients_to_saved,
    polynomial_coefficients,
)
from locum.reduction.separation import (
    Operators,
    SeparationError,
    measured_separation_error,
    orthonormalised,
    separate,
)
from locum.reduction.stability import InterpolatedConstant, StabilityConstant
from locum.reduction.stability_eigenvalues import inf_sup_constant
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved
from locum.surrogates.projection_training import AffineProblem, sparse_product, unknowns_of
from locum.surrogates.saved import Saved, read_saved, write_saved

_SEARCHED = 200  # assembled systems that the separation searches
_MEASURED = 30  # at which its error is measured
_CONSTANTS = 30  # at which the stability constant is computed, or asked of the model
_CONSTANT_RTOL = 1e-2  # of an eigenvalue solver: the constant is interpolated anyway
_SAVED = "separation"


@dataclass(frozen=True, eq=False)
class SeparatedSystem:
    """What a separation finds: all of it arrays and plain values.

    Parameters
    ----------
    matrices, vectors
        The affine form on the unknowns: sparse (N, N) each, with one pattern, and rows (P, N).
    coefficients
        theta and phi of the parameters.
    stability
        Interpolated.
    error
        What the affine form leaves out.
    """

    matrices: tuple[Any, ...]
    vectors: Array
    coefficients: CoefficientExpressions | PolynomialCoefficients
    stability: StabilityConstant
    error: SeparationError

    def save(self, folder: Path, key: str) -> None:
        """Write it, with what it belongs to.

        Raises
        ------
        StorageError
            The folder cannot be written.
        """
        coefficients, coefficient_arrays = coefficients_to_saved(self.coefficients)
        stability, stability_arrays = stability_to_saved(self.stability)
        content = {
            "key": key,
            "coefficients": coefficients,
            "stability": stability,
            "error": [self.error.matrix, self.error.vector],
        }
        arrays: dict[str, AnyArray] = {
            "entries": np.stack([matrix.data for matrix in self.matrices]),
            "indices": self.matrices[0].indices,
            "indptr": self.matrices[0].indptr,
            "vectors": self.vectors,
            **prefixed(coefficient_arrays, "coefficients."),
            **prefixed(stability_arrays, "stability."),
        }
        write_saved(folder, _SAVED, Saved(_SAVED, content, arrays))

    @classmethod
    def load(cls, folder: Path, key: str) -> Self | None:
        """Read what :meth:`save` wrote; None where nothing can be read that belongs to ``key``."""
        try:
            saved = read_saved(folder, _SAVED)
            content, arrays = saved.content, saved.arrays
            if content["key"] != key:
                return None
            size = arrays["vectors"].shape[1]
            return cls(
                tuple(
                    sp.csr_array((data, arrays["indices"], arrays["indptr"]), shape=(size, size))
                    for data in arrays["entries"]
                ),
                arrays["vectors"],
                coefficients_from_saved(content["coefficients"], taken(arrays, "coefficients.")),
                stability_from_saved(content["stability"], taken(arrays, "stability.")),
                SeparationError(*content["error"]),
            )
        except (StorageError, KeyError):
            return None


def separated_problem(
    model: Any, space: ParameterSpace | None = None, *, rtol: float = 1e-6, folder: Path | None = None
) -> AffineProblem:
    """Make a problem of a model that only assembles its operators; its figures are estimates.

    Parameters
    ----------
    model
        A steady high-fidelity model with assembled operators and an inner product.
    space
        A study's space, where it is not the model's own.
    rtol
        Of the separation and of its coefficients, relative to the largest system.
    folder
        Where the separation is kept: it is found once for a version of the model, a space and ``rtol``.

    Raises
    ------
    ModelError
        A capability is missing, the sparsity pattern changes, or the system is not stable somewhere.
    FitError
        Too many parameters for fitted coefficients.
    StorageError
        The folder cannot be written.
    """
    space = space or model.parameters
    name, key = model.name, _key(model, space, rtol)
    if not isinstance(model, HasOperators) or not isinstance(model, HasInnerProduct):
        raise ModelError(
            f"model {name!r} cannot be projected: it needs operators, free_nodes, solution_field and "
            "inner_product"
        )
    unknowns = unknowns_of(model, space)
    found = SeparatedSystem.load(folder, key) if folder is not None else None
    if found is None:
        found = separated_system(model, space, unknowns.inner, rtol)
        if folder is not None:
            found.save(folder, key)
    return AffineProblem(
        **vars(unknowns),
        system=AffineSystem(found.matrices, found.vectors, unknowns.inner),
        coefficients=found.coefficients,
        stability=found.stability,
        separation_error=found.error,
    )


def is_kept(model: Any, space: ParameterSpace, rtol: float, folder: Path) -> bool:
    """Whether :func:`separated_problem` would find what it needs in its folder."""
    return SeparatedSystem.load(folder, _key(model, space, rtol)) is not None


MOST_ASSEMBLIES = _SEARCHED + CHECKED_POINTS + POINTS_PER_TERM * MOST_TERMS + _MEASURED + _CONSTANTS
"""Assembled systems that a separation takes at most."""


def separated_system(model: Any, space: ParameterSpace, inner: InnerProduct, rtol: float) -> SeparatedSystem:
    """Find an affine form, its coefficients, its error and the stability constant; see above."""
    equations = Equations(model)

    def operators(value: Array) -> tuple[Any, Array]:
        return equations.operators(dict(zip(space.names, value.tolist(), strict=True)))

    generator = np.random.default_rng(0)
    searched = separate(operators, space.sample(_SEARCHED, generator), inner, rtol=rtol)
    separated = orthonormalised(searched)
    coefficients = polynomial_coefficients(separated.separation.coefficients, space, rtol=rtol)
    error = measured_separation_error(separated, space.sample(_MEASURED, generator), coefficients)
    centres = space.sample(_CONSTANTS, generator)
    constants = _stability_constants(model, operators, centres, inner)
    system = separated.system
    stability = InterpolatedConstant(space, centres, constants)
    return SeparatedSystem(system.matrices, system.vectors, coefficients, stability, error)


def _stability_constants(model: Any, operators: Operators, centres: Array, inner: InnerProduct) -> Array:
    """What the model knows, or else inf-sup constants."""
    if isinstance(model, HasCoercivityBound):
        return Equations(model).coercivity_bound(centres)
    product = sparse_product(inner)
    found = [inf_sup_constant(operators(value)[0], product, rtol=_CONSTANT_RTOL) for value in centres]
    return np.array(found)


def _key(model: Any, space: ParameterSpace, rtol: float) -> str:
    """What a separation belongs to."""
    document = [model.name, model.version, space.to_dict(), rtol]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
