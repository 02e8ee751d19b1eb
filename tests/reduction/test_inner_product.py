import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from locum.exceptions import ModelError, StorageError
from locum.reduction import InnerProduct


@given(seed=st.integers(0, 10**6), size=st.integers(1, 12), count=st.integers(0, 5))
def test_every_kind_is_the_dense_formula(seed, size, count):
    generator = np.random.default_rng(seed)
    factor = generator.standard_normal((size, size))
    dense = factor @ factor.T + 0.1 * np.eye(size)
    weights = generator.uniform(0.1, 2.0, size)
    left, right = generator.standard_normal((count, size)), generator.standard_normal((3, size))
    for product, matrix in (
        (InnerProduct(dense), dense),
        (InnerProduct(sparse.csc_matrix(dense)), dense),
        (InnerProduct(weights), np.diag(weights)),
        (InnerProduct(), np.eye(size)),
    ):
        np.testing.assert_allclose(product.apply(left), left @ matrix, atol=1e-10)
        np.testing.assert_allclose(product.gram(left, right), left @ matrix @ right.T, atol=1e-10)
        np.testing.assert_allclose(product.gram(left), left @ matrix @ left.T, atol=1e-10)
        np.testing.assert_allclose(
            product.norms(left), np.sqrt(np.einsum("kn,nm,km->k", left, matrix, left)), atol=1e-10
        )


def test_components_add_their_products(products):
    fields = np.random.default_rng(0).standard_normal((5, 8, 3))
    for name, product in products(8).items():
        together = product.repeated(3).gram(fields.reshape(5, -1))
        apart = sum(product.gram(fields[:, :, component]) for component in range(3))
        np.testing.assert_allclose(together, apart, atol=1e-12, err_msg=name)


def test_a_diagonal_matrix_is_kept_as_its_diagonal():
    assert InnerProduct(sparse.diags_array(np.arange(1.0, 6.0))).matrix.shape == (5,)


def test_a_semi_definite_stiffness_matrix_is_welcome():
    matrix = sparse.diags_array([[-1.0] * 4, [1.0, 2.0, 2.0, 2.0, 1.0], [-1.0] * 4], offsets=[-1, 0, 1])
    assert InnerProduct(matrix).norms(np.ones((1, 5)))[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.ones((2, 3)), "square"),
        (np.ones((2, 2, 2)), "shape"),
        (np.array([[2.0, 1.0], [0.0, 2.0]]), "symmetric"),
        (np.array([1.0, 0.0, 2.0]), "entry 1 of its diagonal is 0"),
        (np.array([[1.0, -3.0], [-3.0, 1.0]]), "positive"),
        (np.array([[1.0, 3.0], [3.0, 1.0]]), "positive"),
        (np.array([1.0, np.nan]), "not finite"),
        (np.empty(0), "empty"),
    ],
)
def test_a_matrix_that_makes_no_norm_is_refused(matrix, words):
    with pytest.raises(ModelError, match=words):
        InnerProduct(matrix)


def test_the_saved_form_is_read_back(products):
    rows = np.random.default_rng(0).standard_normal((2, 9))
    for name, product in products(9).items():
        again = InnerProduct.from_arrays(product.to_arrays())
        np.testing.assert_array_equal(again.gram(rows), product.gram(rows), err_msg=name)


@pytest.mark.parametrize(
    "arrays",
    [
        {"unknown": np.ones(2)},
        {"diagonal": np.array([1.0, -1.0])},
        {"data": np.ones(2), "indices": np.array([0, 7]), "indptr": np.array([0, 1, 2])},
        {"data": np.ones(2), "indices": np.array([0, 1])},
    ],
)
def test_nonsense_is_not_read(arrays):
    with pytest.raises(StorageError, match="inner product"):
        InnerProduct.from_arrays(arrays)
