"""What ``pip install`` of the wheel gives, away from the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "flows", "data", "configs", "pyproject.toml", "README.md")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, without network, and unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "studies")
            shutil.copytree(source, folder / "source" / name, ignore=ignored)
        elif source.exists():
            (folder / "source").mkdir(exist_ok=True)
            shutil.copy(source, folder / "source" / name)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder))
    command = [sys.executable, "-m", "pip", "wheel", *options, str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("locum-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_every_module(installed: Path) -> None:
    """A folder that ``pyproject.toml`` forgets works in the repository and is missing elsewhere."""
    source = installed.parent / "source"
    expected = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for folder, package in ((source / "src/locum", "locum"), (source / "flows", "locum/flows"))
        for path in folder.rglob("*.py")
    }
    assert expected <= {path.relative_to(installed).as_posix() for path in installed.rglob("*.py")}


def test_the_wheel_holds_the_reference_data(installed: Path) -> None:
    """Meshes, tables and their origins; not the studies that people ran in the repository, nor the cases of
    programs, which go with the studies in ``configs``.
    """
    data, configs = installed.parent / "source/data", installed.parent / "source/configs"
    studies = {path.stem: yaml.safe_load(path.read_text()) for path in configs.glob("*.yaml")}
    cases = {name for name, study in studies.items() if study["model"]["kind"] == "command"}
    reference = {".npz", ".json", ".csv", ".md"}
    files = (path.relative_to(data) for path in data.rglob("*") if path.suffix in reference)
    expected = {path.as_posix() for path in files if path.parts[0] not in cases}
    found = {
        path.relative_to(installed / "locum/data").as_posix()
        for path in (installed / "locum/data").rglob("*")
    }
    assert expected
    assert expected <= found
    assert not any(name.startswith("studies") for name in found)


def test_the_wheel_works_away_from_the_repository(installed: Path, tmp_path: Path) -> None:
    """The command starts from the unpacked wheel, and the industrial model finds its mesh and table there."""
    program = (
        "import locum, locum.cli, locum.flows\n"
        "from locum.highfidelity.cooled_blade import CooledBlade\n"
        "CooledBlade().parameters\n"
        "print(locum.__file__, locum.flows.__file__)\n"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{program}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(installed)) == 2


def test_the_version_is_said_once(installed: Path) -> None:
    import locum

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == locum.__version__
    assert (installed / f"locum-{locum.__version__}.dist-info").is_dir()
