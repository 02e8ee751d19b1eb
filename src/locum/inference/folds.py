"""K folds of simulations, each with a reduced basis that knows nothing of what it is tested on.

Everything is done in the coordinates of one basis that is wide enough for all snapshots: the basis of a fold
is a rotation of it, and fields are compared by their coordinates.

Shapes: N simulations, r coordinates of the wide basis, n of a reduced one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError

FEW = 100  # simulations up to which ten folds are made, and five beyond
FAR = 5.0  # times another's error: what is searched for so far from it is not followed further
_SEED = 0
_SMALLEST_NORM = 1e-10


@dataclass(frozen=True, eq=False)
class Fold:
    """One part of the simulations, and what the others say.

    Parameters
    ----------
    tested
        Indices of the part.
    training
        Indices of the others.
    basis
        Their reduced basis, most energetic first, in coordinates of the wide one, shape (m, r).
    """

    tested: AnyArray
    training: AnyArray
    basis: Array


class Folded(NamedTuple):
    """What a model of all simulations answers to q queries, and those of K folds beside it."""

    centre: Array  # coordinates of the answer, (q, n)
    apart: Array  # those of the folds less these, (K, q, n)
    spread: Array  # root mean square over the folds of the distance to their fields over the norm, (q,)


def make_folds(coordinates: Array, count: int | None = None) -> tuple[Fold, ...]:
    """Divide simulations at random, always in the same way.

    Parameters
    ----------
    coordinates
        Of the snapshots in the wide basis, shape (N, r).
    count
        Number of folds; by default ten for up to ``FEW`` simulations and five for more.
    """
    folds = []
    for part in divided(len(coordinates), count):
        training = np.setdiff1d(np.arange(len(coordinates)), part)
        folds.append(Fold(part, training, principal_vectors(coordinates[training])))
    return tuple(folds)


def divided(total: int, count: int | None = None) -> list[AnyArray]:
    """Indices of ``total`` simulations in ``count`` parts, at random and always in the same way."""
    count = min(count or (10 if total <= FEW else 5), total)
    order = np.random.default_rng(_SEED).permutation(total)
    return [np.sort(part) for part in np.array_split(order, count)]


def principal_vectors(coordinates: Array) -> Array:
    """Reduced basis (m, r) of snapshots (N, r), each counted by its relative error."""
    return np.asarray(np.linalg.svd(normalised(coordinates), full_matrices=False)[2])


def normalised(coordinates: Array) -> Array:
    """Snapshots (N, r) over their norms."""
    return np.asarray(coordinates / field_norms(coordinates)[:, None])


def field_norms(coordinates: Array) -> Array:
    """Norms (N,) that relative errors are divided by: none is a tiny share of the largest."""
    norms = np.linalg.norm(coordinates, axis=1)
    floor = max(_SMALLEST_NORM * norms.max(initial=0.0), np.finfo(np.float64).tiny)
    return np.asarray(np.maximum(norms, floor))


def relative_errors(predicted: Array, true: Array) -> Array:
    """Relative errors (N,) of predicted fields in wide coordinates (N, r); infinite where not a number."""
    errors = np.linalg.norm(predicted - true, axis=1) / field_norms(true)
    return np.where(np.isfinite(errors), errors, np.inf)


def root_mean_square(errors: Array) -> float:
    """Of relative errors (N,): what selections compare. One wild prediction spoils it, as it should."""
    return float(np.sqrt(np.mean(np.square(errors))))


def refuse_far(structure: object, error: float, floor: float, to_beat: float) -> None:
    """Refuse what was found where it is far from an error to beat, and not for its few coordinates alone.

    Raises
    ------
    FitError
        Naming the structure and both errors.
    """
    if error > FAR * max(to_beat, floor):
        raise FitError(
            f"operator inference: the best structure that was found ({structure}) leaves {100.0 * error:.2g} "
            f"% in cross-validation, far from the {100.0 * to_beat:.2g} % to beat; it is not followed further"
        )


def ranks_to_try(coordinates: Array, limit: int, tails: Sequence[float]) -> tuple[int, ...]:
    """Ranks at which the root-mean-square relative projection error falls below each of ``tails``."""
    values = np.linalg.svd(normalised(coordinates), compute_uv=False)
    left = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1] / len(coordinates))  # with rank 0, 1, ...
    ranks = {min(max(1, int(np.sum(left > tail))), limit) for tail in tails}
    return tuple(sorted(ranks))
