import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.exceptions import FitError, StorageError
from locum.reduction import (
    InnerProduct,
    SteadyBasis,
    TransientBasis,
    field_basis,
    field_basis_from_arrays,
)

TIMES = np.array([0.0, 0.1, 0.3, 0.6, 1.0, 1.5])


def steady_fields(count, shape, seed=0):
    generator = np.random.default_rng(seed)
    size = int(np.prod(shape))
    modes = generator.standard_normal((12, size)) * 3.0 ** -np.arange(12.0)[:, None]
    scales = 10.0 ** generator.uniform(-2.0, 2.0, (count, 1))
    return (scales * generator.standard_normal((count, 12)) @ modes).reshape(count, *shape)


@pytest.fixture
def fields(trajectories):
    """An ensemble of each of the four shapes, with its times."""
    transient = trajectories(30, TIMES, 40)
    return {
        "steady": (steady_fields(30, (40,)), None),
        "steady vector": (steady_fields(30, (40, 2)), None),
        "transient": (transient, TIMES),
        "transient vector": (np.stack([transient, transient**2], axis=-1), TIMES),
    }


KINDS = ("steady", "steady vector", "transient", "transient vector")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rtol", [1e-1, 1e-3, 1e-7])
def test_relative_errors_keep_the_tolerance_in_root_mean_square(fields, stiffness, kind, rtol):
    snapshots, times = fields[kind]
    basis = field_basis(
        lambda: np.array_split(snapshots, 4),
        shape=snapshots.shape[1:],
        times=times,
        inner_product=stiffness(40),
        rtol=rtol,
    )
    assert isinstance(basis, SteadyBasis if times is None else TransientBasis)
    _, projection = basis.errors(snapshots, basis.coordinates(snapshots))
    measured = np.sqrt((projection**2).mean())
    assert measured - 1e-14 <= basis.truncation_error <= rtol
    assert basis.truncation_error == pytest.approx(measured, rel=0.2, abs=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_coordinates_are_orthonormal_in_the_norm(fields, stiffness, kind):
    snapshots, times = fields[kind]
    basis = field_basis(
        lambda: [snapshots], shape=snapshots.shape[1:], times=times, inner_product=stiffness(40), rtol=1e-3
    )
    coordinates = np.random.default_rng(0).standard_normal((5, basis.rank))
    made = basis.expand(coordinates)
    assert made.shape == (5, *snapshots.shape[1:])
    np.testing.assert_allclose(basis.norms(made), np.linalg.norm(coordinates, axis=1), rtol=1e-10)
    np.testing.assert_allclose(basis.coordinates(made), coordinates, atol=1e-10)


def test_the_norm_is_the_trapezoidal_rule_of_the_nodal_norm(stiffness, trajectories):
    product = stiffness(40)
    snapshots = trajectories(6, TIMES, 40)
    basis = field_basis(lambda: [snapshots], shape=(6, 40), times=TIMES, inner_product=product, rtol=1e-2)
    squares = product.norms(snapshots.reshape(36, 40)).reshape(6, 6) ** 2
    expected = np.sqrt(np.trapezoid(squares, TIMES, axis=1) / 1.5)
    np.testing.assert_allclose(basis.norms(snapshots), expected, rtol=1e-12)
    assert basis.largest_norm == pytest.approx(expected.max())


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_those_of_the_expanded_fields(fields, stiffness, kind):
    snapshots, times = fields[kind]
    basis = field_basis(
        lambda: [snapshots], shape=snapshots.shape[1:], times=times, inner_product=stiffness(40), rtol=1e-2
    )
    wrong = basis.coordinates(snapshots) * 1.05
    errors, projections = basis.errors(snapshots, wrong)
    sizes = basis.norms(snapshots)
    np.testing.assert_allclose(errors, basis.norms(snapshots - basis.expand(wrong)) / sizes, rtol=1e-9)
    assert (projections <= errors).all()


def test_errors_need_memory_for_a_chunk_only(trajectories, monkeypatch):
    snapshots = trajectories(25, TIMES, 40)
    basis = field_basis(lambda: [snapshots], shape=(6, 40), times=TIMES, rtol=1e-2)
    whole = basis.errors(snapshots, basis.coordinates(snapshots))
    seen = []
    expand = TransientBasis.expand
    monkeypatch.setattr(TransientBasis, "expand", lambda self, c: seen.append(len(c)) or expand(self, c))
    monkeypatch.setattr("locum.reduction.basis._CHUNK_BYTES", 4 * 6 * 40 * 8)
    chunked = basis.errors(snapshots, basis.coordinates(snapshots))
    np.testing.assert_allclose(chunked, whole, rtol=1e-12)
    assert max(seen) == 4


def test_a_vanishing_snapshot_is_measured_against_the_largest(trajectories):
    snapshots = trajectories(5, TIMES, 30)
    basis = field_basis(lambda: [snapshots], shape=(6, 30), times=TIMES, rtol=1e-2)
    nothing = np.zeros((1, 6, 30))
    exact, off = np.zeros((1, basis.rank)), np.eye(1, basis.rank) * 1e-10 * basis.largest_norm
    assert basis.errors(nothing, exact)[0][0] == 0.0
    assert basis.errors(nothing, off)[0][0] == pytest.approx(1.0)


def test_by_default_small_snapshots_count_as_much_as_large_ones():
    small, large = np.zeros((2, 10)), np.zeros((2, 10))
    small[:, 3] = 1e-6
    large[:, 7] = 1.0
    snapshots = np.concatenate([large, small])
    blocks = lambda: [snapshots]  # noqa: E731
    assert field_basis(blocks, shape=(10,), rtol=1e-2).rank == 2
    assert field_basis(blocks, shape=(10,), rtol=1e-2, weights=np.ones(4)).rank == 1


def test_one_block_and_many_blocks_give_the_same_basis(trajectories, stiffness):
    snapshots = trajectories(40, TIMES, 60)
    one, many = (
        field_basis(
            lambda parts=parts: np.array_split(snapshots, parts),
            shape=(6, 60),
            times=TIMES,
            inner_product=stiffness(60),
            rtol=1e-3,
        )
        for parts in (1, 20)
    )
    assert one.rank == many.rank
    np.testing.assert_allclose(one.singular_values, many.singular_values, rtol=1e-4, atol=1e-5)
    c, d = one.coordinates(snapshots), many.coordinates(snapshots)
    np.testing.assert_allclose(c[:, :5], d[:, :5], atol=1e-5 * np.abs(c).max())


def test_two_passes_over_the_same_blocks_give_the_same_bits(trajectories, stiffness):
    snapshots = trajectories(12, TIMES, 40)
    first, second = (
        field_basis(
            lambda: np.array_split(snapshots, 3),
            shape=(6, 40),
            times=TIMES,
            inner_product=stiffness(40),
            rtol=1e-3,
        ).to_arrays()[0]
        for _ in range(2)
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 12),
    times=st.integers(1, 150),
    nodes=st.integers(1, 20),
    components=st.integers(0, 2),
    rtol=st.sampled_from([0.2, 1e-3, 1e-8]),
    seed=st.integers(0, 100),
)
def test_any_shape_keeps_its_tolerance(count, times, nodes, components, rtol, seed):
    generator = np.random.default_rng(seed)
    shape = (times, nodes) + ((components,) if components else ())
    size = int(np.prod(shape))
    snapshots = (generator.standard_normal((count, 3)) @ generator.standard_normal((3, size))).reshape(
        count, *shape
    )
    basis = field_basis(
        lambda: [snapshots], shape=shape, times=np.cumsum(generator.uniform(0.1, 1.0, times)), rtol=rtol
    )
    _, projection = basis.errors(snapshots, basis.coordinates(snapshots))
    assert np.sqrt((projection**2).mean()) <= basis.truncation_error + 1e-13
    assert basis.truncation_error <= rtol
    assert basis.rank <= min(3, count)


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_form_is_read_back(fields, stiffness, kind):
    snapshots, times = fields[kind]
    basis = field_basis(
        lambda: [snapshots], shape=snapshots.shape[1:], times=times, inner_product=stiffness(40), rtol=1e-3
    )
    arrays, meta = basis.to_arrays()
    again = field_basis_from_arrays(arrays, meta)
    assert type(again) is type(basis)
    assert again.to_arrays()[1] == meta
    np.testing.assert_array_equal(again.coordinates(snapshots), basis.coordinates(snapshots))
    np.testing.assert_array_equal(again.norms(snapshots), basis.norms(snapshots))


def damaged(arrays, meta):
    yield arrays, meta | {"kind": "unknown"}
    yield arrays, {key: value for key, value in meta.items() if key != "shape"}
    yield arrays, meta | {"shape": [3, 3]}
    yield arrays, meta | {"shape": ["many"]}
    yield arrays, meta | {"truncation_error": float("nan")}
    for name, array in arrays.items():
        yield {key: value for key, value in arrays.items() if key != name}, meta
        yield arrays | {name: array[None]}, meta
        if array.dtype.kind == "f" and name != "singular_values" and "singular" not in name:
            yield arrays | {name: np.full_like(array, np.nan)}, meta
            yield arrays | {name: -2.0 * array}, meta


@pytest.mark.parametrize("kind", ["steady", "transient"])
def test_nonsense_is_not_read(fields, stiffness, kind):
    snapshots, times = fields[kind]
    basis = field_basis(
        lambda: [snapshots], shape=snapshots.shape[1:], times=times, inner_product=stiffness(40), rtol=1e-2
    )
    for arrays, meta in damaged(*basis.to_arrays()):
        with pytest.raises(StorageError, match="cannot be read"):
            field_basis_from_arrays(arrays, meta)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"blocks": lambda: []}, "no snapshots"),
        ({"blocks": lambda: [np.ones((1, 3, 5)), np.full((2, 3, 5), np.nan)]}, "snapshot 1 .* not finite"),
        ({"blocks": lambda: [np.ones((2, 3, 4))]}, "expected"),
        ({"blocks": lambda: [np.full((2, 3, 5), 1e200)]}, "overflow"),
        ({"shape": (5,)}, "shape"),
        ({"shape": (4, 5)}, "shape"),
        ({"inner_product": InnerProduct(np.ones(6))}, "shape"),
        ({"times": np.array([0.0, 2.0, 1.0])}, "increase"),
        ({"weights": np.ones(3)}, "weights"),
        ({"weights": np.array([1.0, 0.0])}, "weights"),
        ({"rtol": 0.0}, "tolerance"),
    ],
)
def test_an_ensemble_without_a_basis_is_refused(arguments, words):
    usual = {"blocks": lambda: [np.ones((2, 3, 5))], "shape": (3, 5), "times": np.arange(3.0), "rtol": 0.1}
    with np.errstate(over="ignore"), pytest.raises(FitError, match=words):
        field_basis(**(usual | arguments))


@pytest.mark.parametrize("times", [None, np.array([0.0, 1.0, 3.0])])
def test_a_field_that_is_always_zero_has_a_basis_in_which_it_is_zero(times):
    shape = (5, 2) if times is None else (3, 5, 2)
    weights = InnerProduct(np.arange(1.0, 6.0))
    snapshots = np.zeros((4, *shape))
    basis = field_basis(
        lambda: [snapshots[:1], snapshots[1:]], shape=shape, times=times, inner_product=weights, rtol=0.1
    )
    basis = field_basis_from_arrays(*basis.to_arrays())
    coordinates = basis.coordinates(snapshots)
    assert (basis.rank, basis.truncation_error, np.abs(coordinates).max()) == (1, 0.0, 0.0)
    assert np.array_equal(basis.expand(coordinates), snapshots)
    assert not np.concatenate(basis.errors(snapshots, coordinates)).any()
    np.testing.assert_allclose(basis.norms(basis.expand(np.ones((1, 1)))), 1.0)
