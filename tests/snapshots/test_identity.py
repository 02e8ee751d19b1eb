import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from locum.snapshots import sample_identity

VALUES = st.floats(allow_nan=False, allow_infinity=False)
PARAMETERS = st.dictionaries(st.text(min_size=1, max_size=5), VALUES, min_size=1, max_size=5)


@given(PARAMETERS)
def test_identity_does_not_depend_on_the_order_of_names(parameters):
    backwards = dict(reversed(parameters.items()))
    assert sample_identity("m", "1", parameters) == sample_identity("m", "1", backwards)


@given(VALUES.filter(lambda x: abs(x) < 1e300))
def test_the_last_bit_of_a_value_changes_the_identity(value):
    neighbour = float(np.nextafter(value, np.inf))
    same = sample_identity("m", "1", {"x": value}) == sample_identity("m", "1", {"x": neighbour})
    assert same == (value == neighbour)


def test_identity_depends_on_model_and_version():
    identities = {sample_identity(model, version, {"x": 1.0}) for model in "ab" for version in "12"}
    assert len(identities) == 4


def test_zero_has_no_sign_and_numpy_numbers_are_numbers():
    assert sample_identity("m", "1", {"x": -0.0}) == sample_identity("m", "1", {"x": np.float64(0.0)})


def test_identity_is_the_same_in_every_release():
    expected = "cbb9dcf085de00d60de265b4ec2139aa"
    assert sample_identity("blade", "1.0", {"b": 0.1, "a": 2}).startswith(expected)
