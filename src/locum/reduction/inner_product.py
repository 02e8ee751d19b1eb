"""Inner products on nodal values: (u, v) = u^T X v with X sparse, diagonal or the identity.

Errors are measured, bases made orthonormal and snapshots truncated in the same inner product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError, StorageError

# entries of X and X^T may differ by this much of the largest entry: assembly sums in different orders
_SYMMETRY = 1e-10
_STRIP_BYTES = 2**22


@dataclass(frozen=True, eq=False)
class InnerProduct:
    """The inner product (u, v) = u^T X v.

    Parameters
    ----------
    matrix
        X: a symmetric positive definite matrix, shape (N, N), from ``scipy.sparse`` (kept as CSR) or dense;
        its diagonal, shape (N,); or None for the Euclidean product, which fits every N.

    Raises
    ------
    ModelError
        A matrix that is not square, finite, symmetric and positive.

    Notes
    -----
    That a large sparse matrix is *definite* cannot be checked cheaply. What is checked: a positive diagonal,
    and x^T X x >= 0 for a few vectors. A semi-definite matrix, such as the H1 semi-norm of fields that vanish
    on the boundary, is welcome where it is definite on the snapshots; a basis is refused otherwise.
    """

    matrix: Any = None

    def __post_init__(self) -> None:
        if self.matrix is None:
            return
        matrix = _compact(self.matrix)
        _check_positive(matrix)
        object.__setattr__(self, "matrix", matrix)

    @property
    def size(self) -> int | None:
        """Number of values N of a field, or None where every N fits."""
        return None if self.matrix is None else int(self.matrix.shape[0])

    def apply(self, rows: Array) -> Array:
        """Return ``rows @ X``, shape (k, N)."""
        if self.matrix is None:
            return rows
        if self.matrix.ndim == 1:
            return np.asarray(rows * self.matrix)
        return np.asarray((self.matrix @ _columns(rows)).T)

    def gram(self, left: Array, right: Array | None = None) -> Array:
        """Return ``left @ X @ right.T``, shape (k, l); by default the products of ``left`` with itself."""
        right = left if right is None else right
        if self.matrix is None:
            return np.asarray(left @ right.T)
        products = np.empty((len(left), len(right)))
        for strip in _strips(right):
            products[:, strip] = left @ self.apply(right[strip]).T
        return products

    def norms(self, rows: Array) -> Array:
        """Return the norm of each row, shape (k,)."""
        squares = np.empty(len(rows))
        for strip in _strips(rows):
            part = rows[strip]
            if self.matrix is None or self.matrix.ndim == 1:
                squares[strip] = np.einsum("kn,kn->k", self.apply(part), part)
            else:
                columns = _columns(part)
                squares[strip] = np.einsum("nk,nk->k", self.matrix @ columns, columns)
        return np.sqrt(np.maximum(squares, 0.0))

    def repeated(self, components: int) -> InnerProduct:
        """Return the product on fields of several components, (N, c) flattened: X on each, summed."""
        if components == 1 or self.matrix is None:
            return self
        if self.matrix.ndim == 1:
            return InnerProduct(np.repeat(self.matrix, components))
        return InnerProduct(sparse.kron(self.matrix, sparse.eye_array(components), format="csr"))

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the saved form: nothing, the diagonal, or the three arrays of the CSR matrix."""
        if self.matrix is None:
            return {}
        if self.matrix.ndim == 1:
            return {"diagonal": self.matrix}
        return {"data": self.matrix.data, "indices": self.matrix.indices, "indptr": self.matrix.indptr}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> InnerProduct:
        """Read what :meth:`to_arrays` returned.

        Raises
        ------
        StorageError
            Arrays that are missing or make no inner product.
        """
        names = set(arrays)
        try:
            if not names:
                return cls()
            if names == {"diagonal"}:
                return cls(np.asarray(arrays["diagonal"], dtype=np.float64))
            if names == {"data", "indices", "indptr"}:
                size = len(arrays["indptr"]) - 1
                matrix = sparse.csr_array(
                    (arrays["data"], arrays["indices"], arrays["indptr"]), shape=(size, size)
                )
                matrix.check_format(full_check=True)
                return cls(matrix)
        except (ModelError, ValueError, TypeError) as error:
            raise StorageError(f"the saved inner product cannot be read: {error}") from error
        raise StorageError(f"the saved inner product cannot be read: unexpected arrays {sorted(names)}")


def _columns(rows: Array) -> Array:
    # SciPy walks a transposed view element by element: the copy makes the product four times faster
    return np.ascontiguousarray(rows.T)


def _strips(rows: Array) -> Iterator[slice]:
    """Cut rows into strips, so that products need little memory beside them."""
    step = max(1, _STRIP_BYTES // (8 * max(rows.shape[1], 1)))
    return (slice(first, first + step) for first in range(0, len(rows), step))


def _compact(matrix: Any) -> Any:
    """Return the diagonal where that is all there is, else a sorted CSR matrix, both float64."""
    if not sparse.issparse(matrix):
        array = np.asarray(matrix, dtype=np.float64)
        if array.ndim == 1:
            return array
        if array.ndim != 2:
            raise ModelError(f"inner product: expected a matrix or its diagonal, got shape {array.shape}")
        matrix = array
    elif matrix.ndim != 2:
        raise ModelError(f"inner product: expected a matrix or its diagonal, got shape {matrix.shape}")
    csr = sparse.csr_array(matrix, dtype=np.float64)
    if csr.shape[0] != csr.shape[1]:
        raise ModelError(f"inner product: expected a square matrix, got shape {csr.shape}")
    csr.sum_duplicates()
    diagonal = csr.diagonal()
    if csr.nnz == csr.shape[0] and diagonal.all():
        return diagonal
    return csr


def _check_positive(matrix: Any) -> None:
    values = matrix if matrix.ndim == 1 else matrix.data
    if not np.isfinite(values).all():
        raise ModelError("inner product: the matrix holds values that are not finite")
    diagonal = matrix if matrix.ndim == 1 else matrix.diagonal()
    if not len(diagonal):
        raise ModelError("inner product: the matrix is empty")
    if diagonal.min() <= 0.0:
        node = int(diagonal.argmin())
        raise ModelError(
            f"inner product: the matrix must be positive; entry {node} of its diagonal is {diagonal[node]:g}"
        )
    if matrix.ndim == 1:
        return
    difference = abs(matrix - matrix.T)
    if difference.nnz and difference.max() > _SYMMETRY * abs(matrix).max():
        raise ModelError(
            f"inner product: the matrix must be symmetric, but X and X^T differ by {difference.max():.3g}"
        )
    size = matrix.shape[0]
    alternating = np.where(np.arange(size) % 2, -1.0, 1.0)
    probes = np.stack([np.ones(size), alternating, np.random.default_rng(0).standard_normal(size)], axis=1)
    energies = np.einsum("nk,nk->k", probes, matrix @ probes)
    scales = np.einsum("nk,nk->k", abs(probes), abs(matrix) @ abs(probes))
    if (energies < -1e-12 * scales).any():
        raise ModelError(
            f"inner product: the matrix must be positive, but x^T X x = {energies.min():.3g} for some x"
        )
