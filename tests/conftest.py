"""What every test stands on: one thread a library, no telemetry, one Prefect server, a tiny study."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
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


# A straight cooling fin in closed form (adiabatic tip): https://en.wikipedia.org/wiki/Fin_(extended_surface)
FIN_MODEL = """
import numpy as np

def simulate(base_temperature, film_coefficient, conductivity):
    x = np.linspace(0.0, 0.05, 41)
    decay = np.sqrt(4.0 * film_coefficient / (conductivity * 0.005))
    temperature = 300.0 + (base_temperature - 300.0) * np.cosh(decay * (x[-1] - x)) / np.cosh(decay * x[-1])
    return {"coordinates": x, "temperature": temperature, "tip_temperature": temperature[-1]}
"""
FIN_STUDY: dict[str, Any] = {
    "name": "fin",
    "model": {
        "kind": "python",
        "path": "fin.py:simulate",
        "units": {"coordinates": "m", "temperature": "K", "tip_temperature": "K"},
    },
    "parameters": {
        "base_temperature": {"range": [350.0, 450.0], "unit": "K"},
        "film_coefficient": {"range": [5.0, 200.0], "unit": "W/(m^2 K)", "scale": "log"},
        "conductivity": {"range": [20.0, 200.0], "unit": "W/(m K)", "scale": "log"},
    },
    "accuracy": {"tolerance": 0.01, "quantities": {"tip_temperature": {"tolerance": 0.01}}},
    "budget": {"simulations": 80},
    "execution": {"workers": 1},
    "seed": 1,
}


@pytest.fixture
def fin_study(tmp_path: Path) -> Callable[..., Path]:
    """Write a study whose simulations take milliseconds, with its model beside it, and return the study file.

    Sections are merged in: ``fin_study(accuracy={"tolerance": 1e-6}, model={"path": "other.py:simulate"})``.
    """

    def write(**sections: Any) -> Path:
        study = copy.deepcopy(FIN_STUDY)
        for name, section in sections.items():
            study[name] = {**study.get(name, {}), **section} if isinstance(section, dict) else section
        (tmp_path / "fin.py").write_text(FIN_MODEL, encoding="utf-8")
        path = tmp_path / "fin.yaml"
        path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        return path

    return write
