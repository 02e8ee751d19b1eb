"""Whatever is sent, the service answers as its OpenAPI document says, and claims nothing that is not so."""

from __future__ import annotations

import json

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
ROUNDING = 1e-9  # of a range, by which parameters may miss it
ANYTHING = st.one_of(
    st.floats(),
    st.floats(0, 1),
    st.integers(),
    st.text(max_size=5),
    st.none(),
    st.booleans(),
    st.just(10**400),
)


def test_generated_requests_are_answered_as_documented(server: httpx.Client) -> None:
    document = schemathesis.openapi.from_url(f"{server.base_url}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 15
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        ask()


@settings(FEW, max_examples=100)
@given(x=st.one_of(ANYTHING, st.lists(ANYTHING, max_size=3)), y=ANYTHING)
def test_nothing_is_marked_within_tolerance_that_is_not(server: httpx.Client, x, y) -> None:
    answer = server.post(
        "/v1/surrogates/wave:predict",
        content=json.dumps({"parameters": {"x": x, "y": y}}),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        return
    document = answer.json()
    for row, verdict in enumerate(document["verdict"]):
        inside = all(-ROUNDING <= document["parameters"][name][row] <= 1 + ROUNDING for name in ("x", "y"))
        figure = document["outputs"]["height"]["error_figure"][row]
        if verdict == "within tolerance":
            assert inside and document["in_domain"][row] and figure <= 0.002
        if not inside:
            assert verdict == "outside the domain" and figure is None
