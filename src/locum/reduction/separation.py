"""An affine form for a system that has none, from its assembled matrices at chosen parameters alone.

Empirical interpolation of the stored entries of A(mu), and of f(mu), over their common sparsity pattern gives

    A(mu) ~ sum_m theta_m(mu) A(mu_m),    theta(mu) = (entries of A(mu) at few places) G^-1

(matrix DEIM: Negri, Manzoni and Amsallem, J. Comput. Phys. 303, 2015; Casenave, Ern and Lelievre, *A
nonintrusive reduced basis method applied to aeroacoustic simulations*, Adv. Comput. Math. 41, 2015). No
assembly routine is opened. Only whole matrices at chosen parameters are asked for, and online the few
entries.

What the form leaves out is measured at parameters that the search did not see, and is added to every
residual: with u_n the reduced solution, ||f - A u_n|| <= ||f~ - A~ u_n|| + ||f - f~|| + ||A - A~|| ||u_n||.
Measured at some parameters it is no bound for the others: figures that contain it are estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.affine_system import AffineSystem
from locum.reduction.empirical_interpolation import EmpiricalInterpolation, empirical_interpolation
from locum.reduction.inner_product import InnerProduct

Operators = Callable[[Array], tuple[Any, Array]]  # A(mu) sparse (N, N) and f(mu) (N,) for one mu (p,)


@dataclass(frozen=True)
class SeparationError:
    """What an interpolated affine form leaves out, in the norms of the residual.

    Parameters
    ----------
    matrix
        Largest measured ||A - A~|| as an operator from X to its dual.
    vector
        Largest measured ||f - f~||_{X^-1}.
    """

    matrix: float = 0.0
    vector: float = 0.0

    def residual(self, norms: Array) -> Array:
        """How far the residual of a state with norm ||u_n||, (m,), can be from that of the affine form."""
        return self.vector + self.matrix * norms


class Pattern(NamedTuple):
    """The stored places of sparse matrices: row numbers and columns, each (entries,), in CSR order."""

    rows: Array
    columns: Array
    size: int


@dataclass(frozen=True, eq=False)
class Separation:
    """The interpolated affine form and how its coefficients are found.

    Parameters
    ----------
    operators
        Assembles the system at one parameter value.
    pattern
        Common to all matrices.
    matrix_interpolation, vector_interpolation
        Over the pattern's entries, and over those of the vector.
    """

    operators: Operators
    pattern: Pattern
    matrix_interpolation: EmpiricalInterpolation
    vector_interpolation: EmpiricalInterpolation

    def coefficients(self, values: Array) -> tuple[Array, Array]:
        """Theta (m, d) and phi (m, e) for parameter values (m, p), from the chosen entries."""
        places, rows = self.matrix_interpolation.places, self.vector_interpolation.places
        entries, loads = np.empty((len(values), len(places))), np.empty((len(values), len(rows)))
        for number, value in enumerate(values):
            matrix, vector = self.operators(value)
            entries[number] = stored_entries(matrix, self.pattern)[places]
            loads[number] = vector[rows]
        return self.matrix_interpolation.coefficients(entries), self.vector_interpolation.coefficients(loads)


class Separated(NamedTuple):
    """An affine system, the separation that gives its coefficients, and the parameters of its matrices."""

    system: AffineSystem
    separation: Separation


def separate(
    operators: Operators,
    training: Array,
    inner_product: InnerProduct,
    *,
    rtol: float = 1e-8,
    max_terms: int | None = None,
) -> Separated:
    """Find an affine form from the matrices and vectors at training parameters.

    Parameters
    ----------
    operators
        Assembles A(mu), f(mu) for one parameter value (p,).
    training
        Parameter values, shape (M, p): one assembly each, no solve. All stored entries are held in memory.
    inner_product
        X on the N unknowns.
    rtol
        Of the greedy searches, in the maximum norm relative to the largest entry.
    max_terms
        Largest number of matrices, and of vectors.

    Raises
    ------
    ModelError
        A matrix that is not square or holds entries where the first ones had none.
    """
    first, _ = operators(training[0])
    pattern = pattern_of(first)
    entries, vectors = [], []
    for value in training:
        matrix, vector = operators(value)
        entries.append(stored_entries(matrix, pattern))
        vectors.append(np.asarray(vector, dtype=np.float64))
    samples, loads = np.stack(entries), np.stack(vectors)
    of_matrix = empirical_interpolation(samples, rtol=rtol, max_rank=max_terms)
    of_vector = empirical_interpolation(loads, rtol=rtol, max_rank=max_terms)
    matrices = tuple(_matrix(samples[number], pattern) for number in of_matrix.parameters)
    system = AffineSystem(matrices, loads[of_vector.parameters], inner_product)
    return Separated(system, Separation(operators, pattern, of_matrix, of_vector))


def orthonormalised(separated: Separated) -> Separated:
    """The same affine form on orthonormal matrices and vectors, as rows of stored entries.

    Chosen matrices are as large as each other and nearly dependent: their coefficients are no smooth
    functions of the parameters, and cancel. In an orthonormal basis an error of a coefficient is one of the
    system.
    """
    system, separation = separated
    pattern = separation.pattern
    entries = np.stack([stored_entries(matrix, pattern) for matrix in system.matrices])
    of_matrix, entries = separation.matrix_interpolation.orthonormalised(entries)
    of_vector, vectors = separation.vector_interpolation.orthonormalised(system.vectors)
    return Separated(
        AffineSystem(tuple(_matrix(row, pattern) for row in entries), vectors, system.inner_product),
        replace(separation, matrix_interpolation=of_matrix, vector_interpolation=of_vector),
    )


def measured_separation_error(
    separated: Separated,
    values: Array,
    coefficients: Callable[[Array], tuple[Array, Array]] | None = None,
) -> SeparationError:
    """What the affine form leaves out at parameters (m, p) that the search did not see: the largest of each.

    With the separation's own coefficients, or others that approximate them. Operator norms are found by the
    power method, from below: to a few per cent after 30 steps.
    """
    system, separation = separated
    theta, phi = (coefficients or separation.coefficients)(values)
    matrix_error = vector_error = 0.0
    for row, value in enumerate(values):
        matrix, vector = separation.operators(value)
        approximate, load = system.assembled(theta[row], phi[row])
        vector_error = max(vector_error, float(system.dual_norm((vector - load)[None])[0]))
        matrix_error = max(
            matrix_error, system.representatives.operator_norm(sp.csr_array(matrix) - approximate)
        )
    return SeparationError(matrix_error, vector_error)


def pattern_of(matrix: Any) -> Pattern:
    """Where a square sparse matrix stores entries.

    Raises
    ------
    ModelError
        A matrix that is not square.
    """
    csr = _sorted(matrix)
    if csr.shape[0] != csr.shape[1]:
        raise ModelError(f"operators: expected a square matrix, got shape {csr.shape}")
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    return Pattern(rows, csr.indices.astype(np.int64), int(csr.shape[0]))


def stored_entries(matrix: Any, pattern: Pattern) -> Array:
    """The entries of a matrix at the places of a pattern, shape (entries,).

    Raises
    ------
    ModelError
        Entries outside the pattern, or another shape.
    """
    csr = _sorted(matrix)
    if csr.shape != (pattern.size, pattern.size):
        raise ModelError(f"operators: expected shape {(pattern.size, pattern.size)}, got {csr.shape}")
    if csr.nnz == len(pattern.columns) and np.array_equal(csr.indices, pattern.columns):
        return np.asarray(csr.data, dtype=np.float64)
    entries = np.asarray(csr[pattern.rows, pattern.columns]).ravel().astype(np.float64)
    if not np.isclose(np.abs(entries).sum(), np.abs(csr.data).sum(), rtol=1e-9):
        raise ModelError("operators: the sparsity pattern changes with the parameters; store its zeros")
    return entries


def _sorted(matrix: Any) -> Any:
    csr = sp.csr_array(matrix)
    csr.sum_duplicates()
    return csr


def _matrix(entries: Array, pattern: Pattern) -> Any:
    return sp.csr_array((entries, (pattern.rows, pattern.columns)), shape=(pattern.size, pattern.size))
