"""POD-greedy: a weak greedy over parameters, a proper orthogonal decomposition over time.

The trajectory with the largest bound is simulated, and the leading modes of what the basis misses of it are
added (Haasdonk and Ohlberger, ESAIM M2AN 42, 2008; convergence: Haasdonk, ESAIM M2AN 47, 2013). Few modes a
round: the next trajectory then says what is missing most.
"""

from __future__ import annotations

from collections.abc import Callable

from locum.adaptivity.greedy import Figure, GreedyResult, greedy_search, relative_figure
from locum.arrays import Array
from locum.reduction.certified import Coefficients
from locum.reduction.evolution import Evolution, evolution_model, trajectory_modes
from locum.reduction.projection import Projection
from locum.reduction.stability import StabilityConstant

_MODES_RTOL = 1e-9  # what is missing of a trajectory below this share of it is not worth a vector


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
        For the largest figure: relative error over space and time by default.
    budget
        Largest number of simulations.
    modes
        Vectors that a simulation may add.
    figure
        Of a solution.
    """

    def grown(projection: Projection, values: Array) -> Projection:
        for value in values:
            found = trajectory_modes(
                projection, simulate(value), evolved.times, rtol=_MODES_RTOL, max_rank=modes
            )
            projection = projection.extended(found)
        return projection

    return greedy_search(
        evolved.start(),
        lambda found: evolution_model(evolved, found, coefficients, stability),
        grown,
        training,
        tolerance=tolerance,
        budget=budget,
        figure=figure,
    )
