import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.reduction import InnerProduct
from locum.reduction.compression import Compressed, RowCompressor

METHODS = ("gram+choleskyqr", "tsqr")


def compressed(rows, parts, product, rtol, method, start=None):
    compressor = RowCompressor(product, rtol, method, keep_coefficients=True, start=start)
    for block in np.array_split(rows, parts):
        compressor.add(block.copy())
    return compressor.result()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(2, 60),
    count=st.integers(1, 300),
    parts=st.integers(1, 40),
    decay=st.floats(0.3, 0.95),
    method=st.sampled_from(METHODS),
)
def test_losses_are_known_whatever_the_split(seed, size, count, parts, decay, method):
    generator = np.random.default_rng(seed)
    rank = min(size, 30)
    rows = (generator.standard_normal((count, rank)) * decay ** np.arange(rank)) @ generator.standard_normal(
        (rank, size)
    )
    product = InnerProduct(generator.uniform(0.5, 2.0, size))
    # a tolerance that lets compression lose something visible
    found = compressed(rows, parts, product, 0.5, method)
    energy = (product.norms(rows) ** 2).sum()
    assert found.energy == pytest.approx(energy)
    assert found.lost == pytest.approx(energy - (found.singular_values**2).sum(), abs=1e-12 * energy)
    assert found.lost <= 1e-3 * 0.5**2 * energy
    distance = np.sqrt((product.norms(rows - found.coefficients @ found.modes) ** 2).sum())
    assert distance <= found.drift * (1.0 + 1e-9) + 1e-7 * np.sqrt(energy)
    # no direction holds more energy in the rows left than in the rows given
    dense = product.gram(np.eye(size))
    left, given = found.modes.T @ found.modes, rows.T @ rows
    factor = np.linalg.cholesky(dense)
    assert np.linalg.eigvalsh(factor.T @ (given - left) @ factor).min() >= -1e-10 * energy


@pytest.mark.parametrize("method", METHODS)
def test_a_pass_goes_on_where_an_earlier_one_ended(decaying, stiffness, method):
    product = stiffness(50)
    rows = decaying(2.0 ** -np.arange(25.0), 90, product, 50)
    whole = compressed(rows, 3, product, 1e-3, method)
    first = compressed(rows[:40], 2, product, 1e-3, method)
    before = first.modes.copy()
    both = compressed(rows[40:], 2, product, 1e-3, method, start=first)
    np.testing.assert_array_equal(first.modes, before)
    np.testing.assert_allclose(both.singular_values[:10], whole.singular_values[:10], rtol=1e-8)
    assert both.energy == pytest.approx(whole.energy)
    assert product.norms(rows - both.coefficients @ both.modes).max() <= both.drift


def test_rows_of_zeros_keep_their_place(decaying):
    product = InnerProduct(np.ones(8))
    rows = decaying([1.0, 0.1], 6, product, 8)
    rows[:2] = 0.0
    found = compressed(rows, 6, product, 1e-2, "gram+choleskyqr")
    assert isinstance(found, Compressed)
    assert found.coefficients.shape[0] == 6
    np.testing.assert_array_equal(found.coefficients[:2], 0.0)
    np.testing.assert_allclose(found.coefficients @ found.modes, rows, atol=1e-6)
