"""Reduced bases of fields: how surrogates turn snapshots into few coordinates and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.reduction.basis import FieldBasis
from locum.reduction.ensemble import Blocks, compressed_ensemble
from locum.reduction.inner_product import InnerProduct
from locum.reduction.pod import EUCLIDEAN
from locum.reduction.steady import SteadyBasis
from locum.reduction.transient import TransientBasis

__all__ = ["FieldBasis", "SteadyBasis", "TransientBasis", "field_basis", "field_basis_from_arrays"]


def field_basis(
    blocks: Blocks,
    *,
    shape: tuple[int, ...],
    times: Array | None = None,
    inner_product: InnerProduct = EUCLIDEAN,
    rtol: float,
    weights: Array | None = None,
    max_rank: int | None = None,
    method: str = "auto",
) -> FieldBasis:
    """Make the reduced basis of a field from an ensemble, reading it once and in bounded memory.

    Parameters
    ----------
    blocks
        Returns the ensemble as an iterable of blocks, shape (k,) + shape each; called once.
    shape
        Of one snapshot: (N,) or (N, c), with ``times`` (T, N) or (T, N, c).
    times
        Saved times, shape (T,), increasing, in any unit; None for a steady field.
    inner_product
        Of nodal values; applied to each component. In time: the trapezoidal rule over the horizon.
    rtol
        Relative root-mean-square projection error over the ensemble, both levels of a transient basis
        included: a tenth of its square for space, the rest for time.
    weights
        Of the snapshots, shape (n,), in the order of the blocks. By default one over the norm: each snapshot
        counts by its *relative* error, which is what surrogates are asked to keep small; then ``rtol`` is the
        root mean square of the relative errors. Ones give the plain mean square.
    max_rank
        Largest number of coordinates; the error may then exceed ``rtol``, and ``truncation_error`` says so.
    method
        ``auto``, ``gram+choleskyqr`` or ``tsqr``, as for :func:`locum.reduction.pod`.

    Returns
    -------
    FieldBasis
        A :class:`SteadyBasis`, or with ``times`` a :class:`TransientBasis`; of a field that is zero in all
        snapshots an arbitrary one of rank one.

    Raises
    ------
    FitError
        No snapshots, values that are not finite, or shapes, times or weights that do not fit.
    """
    ensemble = compressed_ensemble(
        blocks,
        shape=shape,
        times=times,
        inner_product=inner_product,
        rtol=rtol,
        weights=weights,
        method=method,
    )
    return ensemble.basis(max_rank=max_rank)


def field_basis_from_arrays(arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> FieldBasis:
    """Read the saved form of a basis, as ``to_arrays`` returned it.

    Raises
    ------
    StorageError
        Arrays or a description that are missing or make no sense.
    """
    kind = meta.get("kind")
    if kind == "steady":
        return SteadyBasis.from_arrays(arrays, meta)
    if kind == "transient":
        return TransientBasis.from_arrays(arrays, meta)
    raise StorageError(f"the saved basis cannot be read: unknown kind {kind!r}; expected steady or transient")
