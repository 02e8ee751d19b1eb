"""What every test stands on: one thread a library, no telemetry, one Prefect server, a tiny study."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Before any numerical library or Prefect is imported.
os.environ |= dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_PREFECT_HOME = tempfile.mkdtemp(prefix="locum-prefect-")
os.environ |= {
    "PREFECT_HOME": _PREFECT_HOME,
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

# A machine under load must not turn a property into a failure, and a failure in CI must come again.
settings.register_profile(
    "locum", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("locum"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "locum")


def pytest_unconfigure() -> None:
    """Leave nothing of Prefect behind."""
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server with an empty database for all tests that run flows, started when asked for."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield
