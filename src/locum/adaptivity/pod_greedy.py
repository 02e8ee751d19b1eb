"""POD-greedy: a weak greedy over parameters, a proper orthogonal decomposition over time.

The trajectory with the largest bound is simulated, and the leading modes of what the basis misses of it are
added (Haasdonk and Ohlberger, ESAIM M2AN 42, 2008; convergence: Haasdonk, ESAIM M2AN 47, 2013). Few modes a
round: the next trajectory then says what is missing most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from locum.adaptivity.greedy import Figure, GreedyOutcome, GreedyResult, relative_figure
from locum.arrays import Array
from locum.reduction.certified import Coefficients
from locum.reduction.evolution import Evolution, evolution_model
from locum.reduction.pod import pod
from locum.reduction.projection import Projection
from locum.reduction.stability import StabilityConstant

_MODES_RTOL = 1e-6  # modes of a trajectory's remainder below this share of it are not worth a vector


def pod_greedy(
    evolved: Evolution,
    coefficients: Coefficients,
    stability: StabilityConstant,
    training: Array,
    simulate: Callable[[Array], Array],
    *,
    tolerance: float,
    budget: int,
    modes: int = 3,
    figure: Figure = relative_figure,
) -> GreedyResult:
    """Grow a basis until the space-time figure is within tolerance over the training set.

    Parameters
    ----------
    evolved
        The instationary system; a start value that is not zero becomes the first vector.
    coefficients, stability
        Of the parameters, without the mass.
    training
        Parameter values, shape (M, p).
    simulate
        Returns the trajectory (K + 1, N) for one parameter value (p,).
    tolerance
        For the largest figure: relative error in L2 over time by default.
    budget
        Largest number of simulations.
    modes
        Vectors that a simulation may add.
    figure
        Of a solution.
    """
    projection = Projection.start(evolved.system)
    if evolved.initial.any():
        projection = projection.extended(evolved.initial[None])
    chosen: list[Array] = []
    history: list[float] = []
    while True:
        solution = evolution_model(evolved, projection, coefficients, stability).solve(training)
        figures = figure(solution)
        history.append(float(figures.max()))
        if history[-1] <= tolerance:
            outcome = GreedyOutcome.REACHED
            break
        if len(chosen) >= budget:
            outcome = GreedyOutcome.BUDGET
            break
        worst = training[int(figures.argmax())]
        grown = projection.extended(_missing(projection, simulate(worst), modes))
        chosen.append(worst)
        if grown.rank == projection.rank:
            outcome = GreedyOutcome.STALLED
            break
        projection = grown
    simulated = np.array(chosen).reshape(len(chosen), training.shape[1])
    return GreedyResult(projection, outcome, simulated, np.array(history))


def _missing(projection: Projection, trajectory: Array, modes: int) -> Array:
    """Leading modes (l, N) of what the basis misses of a trajectory (K + 1, N)."""
    product = projection.system.inner_product
    remainder = trajectory - product.gram(trajectory, projection.basis) @ projection.basis
    if not product.norms(remainder).any():
        return remainder[:1]
    found = pod(lambda: [remainder], rtol=_MODES_RTOL, inner_product=product, max_rank=modes)
    return found.vectors
