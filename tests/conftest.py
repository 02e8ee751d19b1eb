"""What every test stands on: one thread a library, no telemetry, one Prefect server; a tiny study."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

CONFIGS = Path(__file__).resolve().parents[1] / "configs"

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


@pytest.fixture
def fin_study(tmp_path: Path) -> Callable[..., Path]:
    """Write the study of the five-minute tour into an empty folder; milliseconds a simulation.

    Sections are merged in: ``fin_study(accuracy={"tolerance": 1e-6}, seed=2)``. Returns the study file.
    """

    def write(**sections: Any) -> Path:
        study = yaml.safe_load((CONFIGS / "fin.yaml").read_text(encoding="utf-8"))
        small = {"storage": {"folder": "study"}, "execution": {"workers": 1}}
        for name, section in (small | sections).items():
            study[name] = study.get(name, {}) | section if isinstance(section, dict) else section
        shutil.copy(CONFIGS / "fin.py", tmp_path)
        path = tmp_path / "fin.yaml"
        path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        return path

    return write
