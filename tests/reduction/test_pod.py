import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from locum.exceptions import FitError
from locum.reduction import InnerProduct, pod

METHODS = ("gram+choleskyqr", "tsqr")


def split(rows, parts):
    return lambda: np.array_split(rows, parts)


def mean_square_error(basis, rows):
    return float((basis.inner_product.norms(rows - basis.expand(basis.project(rows))) ** 2).sum())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["sparse", "diagonal", "euclidean"])
@pytest.mark.parametrize("parts", [1, 4, 60])
def test_projection_error_is_the_discarded_energy(products, decaying, method, kind, parts):
    product = products(90)[kind]
    if product.matrix is None:
        product = InnerProduct(np.ones(90))
    values = 10.0 ** -np.linspace(0.0, 5.0, 40)
    rows = decaying(values, 60, product, 90)
    basis = pod(split(rows, parts), rtol=1e-2, inner_product=product, method=method)
    discarded = (values[basis.rank :] ** 2).sum()
    assert mean_square_error(basis, rows) == pytest.approx(discarded, rel=1e-3)
    assert basis.truncation_error**2 * basis.total_energy == pytest.approx(discarded, rel=1e-3)
    assert basis.truncation_error <= 1e-2


@pytest.mark.parametrize("method", METHODS)
def test_vectors_are_orthonormal_whatever_the_decay(stiffness, decaying, method):
    product = stiffness(120)
    rows = decaying(10.0 ** -np.linspace(0.0, 14.0, 60), 80, product, 120)
    for rtol in (1e-1, 1e-4, 1e-8, 1e-13):
        basis = pod(split(rows, 3), rtol=rtol, inner_product=product, method=method)
        np.testing.assert_allclose(product.gram(basis.vectors), np.eye(basis.rank), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_one_block_and_four_blocks_agree_sign_included(stiffness, decaying, method):
    product = stiffness(70)
    rows = decaying(2.0 ** -np.arange(30.0), 50, product, 70)
    one, four = (pod(split(rows, parts), rtol=1e-3, inner_product=product, method=method) for parts in (1, 4))
    np.testing.assert_allclose(one.vectors, four.vectors, atol=1e-6)
    np.testing.assert_allclose(one.singular_values[: one.rank], four.singular_values[: one.rank], rtol=1e-8)


def test_symmetric_modes_keep_their_sign_under_rounding():
    x = np.linspace(-1.0, 1.0, 41)
    rows = np.stack([np.sin(np.pi * x) + 0.1 * np.cos(np.pi * x), np.sin(np.pi * x)])
    exact, disturbed = (
        pod(lambda noise=noise: [rows * (1.0 + noise)], rtol=1e-3).vectors for noise in (0.0, 1e-13 * x)
    )
    np.testing.assert_allclose(exact, disturbed, atol=1e-10)


def test_gram_and_tsqr_agree_above_sqrt_eps(stiffness, decaying):
    product = stiffness(80)
    values = 10.0 ** -np.linspace(0.0, 6.0, 25)
    rows = decaying(values, 60, product, 80)
    gram, tsqr = (pod(split(rows, 2), rtol=1e-5, inner_product=product, method=method) for method in METHODS)
    assert gram.rank == tsqr.rank
    np.testing.assert_allclose(gram.singular_values[: gram.rank], values[: gram.rank], rtol=1e-4)
    np.testing.assert_allclose(tsqr.singular_values[: gram.rank], values[: gram.rank], rtol=1e-9)


def test_tsqr_resolves_what_the_gram_matrix_cannot(stiffness, decaying):
    product = stiffness(80)
    values = 10.0 ** -np.linspace(0.0, 13.0, 40)
    rows = decaying(values, 60, product, 80)
    gram, tsqr = (pod(split(rows, 2), rtol=1e-10, inner_product=product, method=method) for method in METHODS)
    np.testing.assert_allclose(tsqr.singular_values[: tsqr.rank], values[: tsqr.rank], rtol=1e-3)
    assert mean_square_error(tsqr, rows) <= (1e-10) ** 2 * tsqr.total_energy
    assert gram.rank < tsqr.rank
    assert mean_square_error(gram, rows) > 100 * mean_square_error(tsqr, rows)


@pytest.mark.parametrize(("rtol", "method"), [(1e-3, "gram+choleskyqr"), (1e-8, "tsqr")])
def test_the_result_says_which_method_ran_and_that_it_read_once(decaying, rtol, method):
    rows = decaying([1.0, 0.1], 5, InnerProduct(np.ones(9)), 9)
    calls = []

    def blocks():
        calls.append(1)
        yield rows

    basis = pod(blocks, rtol=rtol)
    assert basis.method == method
    assert basis.passes == len(calls) == 1


def test_rank_holds_every_value_above_rtol_and_the_energy():
    # ten equal values: three of ten can go by energy alone, none by size
    assert pod(lambda: [np.eye(10)], rtol=0.6).rank == 10
    # a long tail of small values: none counts by size, together they do
    values = np.r_[1.0, np.full(99, 0.05)]
    basis = pod(lambda: [np.diag(values)], rtol=0.1)
    tail = 0.05**2 * (100 - basis.rank)
    assert basis.truncation_error <= 0.1
    assert tail + 0.05**2 > 0.01 * (values**2).sum() >= tail


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 25)),
    rank=st.integers(1, 10),
    rtol=st.sampled_from([0.3, 1e-2, 1e-5, 1e-9]),
    parts=st.integers(1, 50),
    scale=st.sampled_from([1e-30, 1.0, 1e30]),
)
def test_the_tolerance_is_kept_and_the_error_figure_is_never_too_small(seed, shape, rank, rtol, parts, scale):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((shape[0], rank)) * 10.0 ** -np.arange(rank)
    rows = scale * rows @ generator.standard_normal((rank, shape[1]))
    product = InnerProduct(generator.uniform(0.1, 3.0, shape[1]))
    basis = pod(split(rows, parts), rtol=rtol, inner_product=product)
    error = np.sqrt(mean_square_error(basis, rows) / (product.norms(rows) ** 2).sum())
    # a Gram matrix rounds squares, orthonormal factors round values
    rounding = 1e-24 if basis.method == "tsqr" else 1e-14
    assert error**2 <= basis.truncation_error**2 + rounding
    assert basis.truncation_error <= rtol
    assert basis.rank <= min(rank, *shape)
    assert np.abs(product.gram(basis.vectors) - np.eye(basis.rank)).max() < 1e-10


@pytest.mark.parametrize("method", METHODS)
def test_degenerate_ensembles_give_the_basis_of_what_is_there(method):
    row = np.arange(1.0, 7.0)
    for rows in (row[None], np.tile(row, (500, 1)), np.stack([np.zeros(6), row, np.zeros(6)])):
        basis = pod(split(rows, 3), rtol=1e-3, method=method)
        assert basis.rank == 1
        np.testing.assert_allclose(basis.vectors[0], row / np.linalg.norm(row), atol=1e-14)
        assert basis.truncation_error < 1e-7


def test_max_rank_is_kept_and_the_error_figure_says_what_it_costs(decaying):
    rows = decaying([1.0, 0.5, 0.25], 9, InnerProduct(np.ones(12)), 12)
    basis = pod(lambda: [rows], rtol=1e-3, max_rank=2)
    assert basis.rank == 2
    assert basis.truncation_error == pytest.approx(0.25 / np.sqrt(1.3125))
    assert pod(lambda: [rows], rtol=1e-3).truncated(2).truncation_error == pytest.approx(
        basis.truncation_error
    )


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "no snapshots"),
        ([np.empty((0, 4))], "no snapshots"),
        ([np.zeros((3, 4))], "zero"),
        ([np.zeros((1, 4))] * 200, "zero"),
        ([np.ones((2, 4)), np.array([[1.0, 2.0, 3.0, 4.0], [1.0, np.nan, 0.0, 0.0]])], "snapshot 3 "),
        ([np.ones((2, 4)), np.ones((2, 5))], "expected"),
        ([np.ones(4)], "expected"),
        ([np.full((2, 4), 1e200)], "overflow"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_an_ensemble_without_a_basis_is_refused(blocks, words, method):
    with np.errstate(over="ignore"), pytest.raises(FitError, match=words):
        pod(lambda: blocks, rtol=1e-2, method=method)


@pytest.mark.parametrize(("rtol", "method"), [(0.0, "auto"), (1.0, "auto"), (np.nan, "auto"), (0.1, "qr")])
def test_arguments_that_make_no_sense_are_refused(rtol, method):
    with pytest.raises(FitError):
        pod(lambda: [np.eye(3)], rtol=rtol, method=method)


def test_a_matrix_that_is_not_positive_on_the_snapshots_is_refused():
    matrix = np.diag(np.full(6, 2.0))
    matrix[1, 4] = matrix[4, 1] = -2.5
    rows = np.eye(6)[[1, 4]]
    product = InnerProduct()
    object.__setattr__(product, "matrix", sparse.csr_array(matrix))
    for method in METHODS:
        with pytest.raises(FitError, match="not positive"):
            pod(lambda: [rows], rtol=1e-2, inner_product=product, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_memory_does_not_grow_with_the_ensemble(method):
    size, block, rank = 4000, 32, 12
    generator = np.random.default_rng(0)
    modes = generator.standard_normal((rank, size)) * 2.0 ** -np.arange(rank)[:, None]

    def blocks(count):
        for index in range(count):
            yield np.random.default_rng(index).standard_normal((block, rank)) @ modes

    def peak(count):
        tracemalloc.start()
        basis = pod(lambda: blocks(count), rtol=1e-3, method=method)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert basis.rank >= 10
        return highest

    few, many = peak(30), peak(90)
    assert many < 1.1 * few
    assert many < 90 * block * size * 8 / 4
