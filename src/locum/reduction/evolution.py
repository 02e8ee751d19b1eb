"""Affine systems that are stepped in time, M du/dt + A(mu) u = f(mu, t), and their projection.

The one-step scheme is projected as it stands: the mass matrix is one more term of the affine system, and
outputs at the end are further right-hand sides. Its residuals are measured by the same orthonormal
representatives as those of steady systems; :mod:`locum.reduction.evolution_bounds` makes them bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import Coefficients
from locum.reduction.definiteness import is_symmetric
from locum.reduction.inner_product import InnerProduct
from locum.reduction.pod import pod
from locum.reduction.projection import Projection
from locum.reduction.reduced_evolution import EvolutionModel
from locum.reduction.stability import StabilityConstant
from locum.reduction.transient import trapezoid_weights

_OUTSIDE = 1e-10  # relative: what the basis may miss of the initial value


@dataclass(frozen=True, eq=False)
class Evolution:
    """An affine system stepped in time, with outputs at the last time.

    Parameters
    ----------
    system
        A_q and then M as its matrices; f_p and then the output functionals as its vectors.
    functionals
        l_i with outputs l_i . u_K, shape (o, N).
    initial
        u_0, shape (N,).
    times
        t_0 < ... < t_K, shape (K + 1,).
    implicitness
        theta, from 0.5 to 1.
    load_factors
        g_p at all times, shape (K + 1, P): f(mu, t) = sum_p phi_p(mu) g_p(t) f_p.
    """

    system: AffineSystem
    functionals: Array
    initial: Array
    times: Array
    implicitness: float
    load_factors: Array

    @property
    def mass(self) -> Any:
        """M, sparse (N, N)."""
        return self.system.matrices[-1]

    @cached_property
    def symmetric(self) -> bool:
        """Whether all A_q are, so that dual solutions solve the same system."""
        return all(is_symmetric(matrix) for matrix in self.system.matrices)

    def start(self) -> Projection:
        """The projection onto the initial value alone, from which bases grow."""
        projection = Projection.start(self.system)
        return projection.extended(self.initial[None]) if self.initial.any() else projection

    def mass_norms(self) -> Array:
        """||l_i||_{M^-1}, shape (o,)."""
        solved = splu(sp.csc_matrix(self.mass)).solve(np.ascontiguousarray(self.functionals.T))
        return np.asarray(np.sqrt(np.einsum("on,no->o", self.functionals, solved)))


def evolution(
    matrices: tuple[Any, ...],
    vectors: Array,
    mass: Any,
    inner_product: InnerProduct,
    initial: Array,
    times: Array,
    implicitness: float,
    functionals: Array | None = None,
    load_factors: Array | None = None,
) -> Evolution:
    """Put the parts together: A_q, M (N, N), f_p (P, N), X, u_0 (N,), times (K + 1,), theta, l_i (o, N),
    g_p (K + 1, P), which are one where they are left out.

    Raises
    ------
    ModelError
        theta outside [1/2, 1], or below 1 with matrices that are not symmetric: no bound is known then.
    """
    if not 0.5 <= implicitness <= 1.0:
        raise ModelError(f"implicitness must lie between 0.5 and 1, got {implicitness:g}")
    if functionals is None:
        functionals = np.empty((0, len(initial)))
    if load_factors is None:
        load_factors = np.ones((len(times), len(vectors)))
    system = AffineSystem(
        (*matrices, sp.csr_array(mass)), np.concatenate([vectors, functionals]), inner_product
    )
    evolved = Evolution(system, functionals, initial, times, implicitness, load_factors)
    if implicitness < 1.0 and not evolved.symmetric:
        raise ModelError(
            f"with implicitness {implicitness:g} the bound needs symmetric operators, and these are not; "
            "step with implicit Euler (1)"
        )
    return evolved


def trajectory_modes(
    projection: Projection, trajectory: Array, times: Array, *, rtol: float, max_rank: int | None = None
) -> Array:
    """Leading modes (l, N) of what a basis misses of a trajectory (K + 1, N).

    As many as leave at most ``rtol`` of the trajectory's norm over space and time; none where the basis
    misses no more already.
    """
    product = projection.system.inner_product
    scales = np.sqrt(trapezoid_weights(times))[:, None]
    remainder = trajectory - product.gram(trajectory, projection.basis) @ projection.basis
    size, missing = (float(np.linalg.norm(product.norms(scales * rows))) for rows in (trajectory, remainder))
    if missing <= rtol * size:
        return np.empty((0, trajectory.shape[1]))
    found = pod(
        lambda: [scales * remainder], rtol=rtol * size / missing, inner_product=product, max_rank=max_rank
    )
    return found.vectors


def evolution_model(
    evolved: Evolution, projection: Projection, coefficients: Coefficients, stability: StabilityConstant
) -> EvolutionModel:
    """The reduced model of an evolution on a projection of its system.

    Raises
    ------
    ModelError
        The basis does not hold the initial value.
    """
    product, start = evolved.system.inner_product, evolved.initial[None]
    initial = product.gram(start, projection.basis)
    missed = product.norms(start - initial @ projection.basis)
    if missed > _OUTSIDE * product.norms(start):
        raise ModelError("the basis of an evolution must hold its initial value: let it grow from start()")
    return EvolutionModel(
        projection.reduced,
        coefficients,
        stability,
        initial[0],
        evolved.times,
        evolved.implicitness,
        evolved.load_factors,
        evolved.mass_norms(),
        evolved.symmetric,
    )
