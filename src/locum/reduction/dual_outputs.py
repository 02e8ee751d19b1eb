"""Outputs corrected by the residual: a quantity l . u with a bound that falls twice as fast as the field's.

The dual solution psi of A(mu)^T psi = l tells how a residual moves the output. With a reduced psi_n,

    s = l . u_n + psi_n . r,    |l . u - s| <= ||r||_{X^-1} ||r_dual||_{X^-1} / alpha(mu),

because l . e = psi_n . A e + r_dual . e with the error e, A e = r and r_dual = l - A^T psi_n (Pierce and
Giles, SIAM Rev. 42, 2000; Patera and Rozza 2007, section 3.5). Exact for an exact psi.

Where the affine form was found by interpolation and leaves out d of the residual r and d' of r_dual, both
norms grow by that much, and psi_n . r is wrong by at most ||psi_n||_X d.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.reduction.certified import CertifiedSolution
from locum.reduction.projection import Projection, ReducedSystem
from locum.reduction.separation import SeparationError

_ROUNDING = 64 * float(np.finfo(np.float64).eps)  # of a sum of a few dozen terms, relative to their sizes


class OutputValues(NamedTuple):
    """Values of one output and how far they can be from the truth, shape (m,) each."""

    value: Array
    figure: Array


@dataclass(frozen=True, eq=False)
class DualOutput:
    """One output online: its functional, the reduced dual system, and what couples the two.

    Parameters
    ----------
    functional
        V l, shape (n,).
    dual
        The reduced dual system, of n' vectors.
    cross_matrices
        psi_i . A_q v_j, shape (Q, n', n).
    cross_vectors
        psi_i . f_p, shape (P, n').
    """

    functional: Array
    dual: ReducedSystem
    cross_matrices: Array
    cross_vectors: Array

    def evaluate(
        self,
        theta: Array,
        phi: Array,
        solution: CertifiedSolution,
        separation_error: SeparationError | None = None,
    ) -> OutputValues:
        """Corrected values and their figures.

        Parameters
        ----------
        theta, phi
            Coefficients, shapes (m, Q) and (m, P).
        solution
            Of the primal system, for m parameters.
        separation_error
            What the affine form leaves out, where it was found by interpolation.

        Returns
        -------
        OutputValues
            The figure is infinite where no stability constant is known, and never below rounding.
        """
        ones = np.ones((len(theta), 1))
        dual = self.dual.solve(theta, ones)
        dual_norms = self.dual.residual_norms(theta, ones, dual)
        coordinates, stability = solution.coordinates, solution.stability
        loads = np.einsum("mi,mi->m", phi @ self.cross_vectors, dual)
        images = self._images(theta, coordinates, dual)
        plain = coordinates @ self.functional
        value = plain + (loads - images)
        unknown = _ROUNDING * (np.abs(plain) + np.abs(loads) + np.abs(images))
        if separation_error is not None:
            sizes = np.linalg.norm(dual, axis=1)
            dual_norms = dual_norms + separation_error.matrix * sizes
            unknown += sizes * separation_error.residual(solution.norms)
        with np.errstate(divide="ignore", invalid="ignore"):
            figure = np.where(stability > 0, solution.residual_norms * dual_norms / stability, np.inf)
        return OutputValues(value, figure + unknown)

    def _images(self, theta: Array, coordinates: Array, dual: Array) -> Array:
        """psi_n . A(mu) u_n, shape (m,)."""
        terms, rank, columns = self.cross_matrices.shape
        tested = np.zeros((len(theta), columns))
        for term in range(terms if rank else 0):
            tested += theta[:, term : term + 1] * (dual @ self.cross_matrices[term])
        return np.asarray(np.einsum("mj,mj->m", tested, coordinates))

    def to_arrays(self) -> dict[str, AnyArray]:
        """The saved form."""
        return {
            "functional": self.functional,
            "cross_matrices": self.cross_matrices,
            "cross_vectors": self.cross_vectors,
            **{f"dual.{name}": array for name, array in self.dual.to_arrays().items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> DualOutput:
        """Read what :meth:`to_arrays` returned.

        Raises
        ------
        StorageError
            Arrays that are missing or do not fit each other.
        """
        prefix = "dual."
        dual = ReducedSystem.from_arrays(
            {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        )
        try:
            own = {name: np.asarray(arrays[name], dtype=np.float64) for name in _NAMES}
        except KeyError as error:
            raise StorageError(f"the saved output cannot be read: array {error} is missing") from None
        terms, rank = len(dual.matrices), dual.rank
        if own["cross_matrices"].shape != (terms, rank, len(own["functional"])):
            raise StorageError("the saved output cannot be read: its arrays do not fit each other")
        return cls(dual=dual, **own)


_NAMES = ("functional", "cross_matrices", "cross_vectors")


def dual_output(primal: Projection, dual: Projection) -> DualOutput:
    """Couple a primal projection with one of the dual system of an output.

    Parameters
    ----------
    primal
        Of A(mu) u = f(mu).
    dual
        Of ``primal.system.adjoint(l)``, on dual solutions; for a symmetric system and l proportional to f,
        the primal snapshots are dual solutions too.
    """
    system = primal.system
    functional = dual.system.vectors[0]
    return DualOutput(
        primal.basis @ functional,
        dual.reduced,
        (system.images(primal.basis) @ dual.basis.T).transpose(0, 2, 1),
        system.vectors @ dual.basis.T,
    )
