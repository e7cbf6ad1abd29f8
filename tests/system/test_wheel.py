"""The built wheel, installed away from the checkout, is the whole product: code, adapters, data files, commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DATA = {".sql", ".yaml", ".yml", ".json", ".j2", ".txt", ".html", ".css", ".svg"}


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is not the checkout, with nothing of the checkout in its environment."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it into a venv of its own; only the third-party libraries come from the developer's."""
    folder = tmp_path_factory.mktemp("installed")
    made = run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    python = folder / "venv/bin/python"
    pip = run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        wheel,
        cwd=folder,
    )
    assert pip.returncode == 0, pip.stderr
    return folder


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with links to the third-party libraries, without the editable installation of this checkout."""
    folder = tmp_path_factory.mktemp("libraries")
    (site,) = {Path(path) for path in sys.path if path.endswith("site-packages")}
    for entry in site.iterdir():
        if (
            not entry.name.startswith(("edge_bridge", "_edge_bridge", "_editable", "adapters"))
            and entry.suffix != ".pth"
        ):
            (folder / entry.name).symlink_to(entry)
    return str(folder)


def test_the_wheel_carries_every_data_file(wheel: Path) -> None:
    """A profile, a schema or a template that stays behind is missed only on the machine."""
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("edge_bridge", "adapters")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and (path.suffix in DATA or path.suffix == ".py") and "__pycache__" not in path.parts
    }
    assert sources - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"edge_bridge", "adapters"}


def test_the_wheel_names_its_adapters_and_commands(wheel: Path) -> None:
    """Adapters are found by entry point only, so the wheel must say them."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
    text = archive.read(name).decode()
    assert "edge-bridge = edge_bridge.cli:main" in text
    for adapter, target in PROJECT["entry-points"]["edge_bridge.adapters"].items():
        assert f"{adapter} = {target}" in text


def test_the_wheel_keeps_out_what_is_not_the_product(wheel: Path) -> None:
    """No tests, no cache, no secrets beside the code."""
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".pyc", ".lock", ".pem", ".key")) or name.startswith("tests/")]


@pytest.mark.parametrize(
    "command", [["bin/python", "-m", "edge_bridge"], ["bin/edge-bridge"]], ids=["module", "script"]
)
def test_it_tells_its_version(installed: Path, libraries: str, command: list[str]) -> None:
    """Both ways of calling it work from a folder that is not the checkout."""
    program, *rest = command
    answer = run(installed / "venv" / program, *rest, "--version", cwd=installed, PYTHONPATH=libraries)
    assert answer.returncode == 0, answer.stderr
    assert PROJECT["version"] in answer.stdout


def test_its_adapters_load(installed: Path, libraries: str) -> None:
    """Every adapter's class is there with all that it imports, and comes from the wheel."""
    program = """
from importlib.metadata import entry_points
import adapters, edge_bridge
for entry in entry_points(group="edge_bridge.adapters"):
    print(entry.name, entry.load().delivers)
print(edge_bridge.__file__, adapters.__file__)
"""
    answer = run(installed / "venv/bin/python", "-c", program, cwd=installed, PYTHONPATH=libraries)
    assert answer.returncode == 0, answer.stderr
    *found, places = answer.stdout.splitlines()
    assert {line.split()[0] for line in found} == set(PROJECT["entry-points"]["edge_bridge.adapters"])
    assert all(place.startswith(str(installed)) for place in places.split())


def test_it_checks_a_configuration(installed: Path, libraries: str) -> None:
    """`check` reads the shipped sample site with the shipped profiles, and refuses a broken one with 78."""
    edge_bridge = installed / "venv/bin/edge-bridge"
    good = run(edge_bridge, "check", "--config", ROOT / "config", cwd=installed, PYTHONPATH=libraries)
    assert good.returncode == 0, good.stdout + good.stderr
    broken = installed / "broken"
    broken.mkdir()
    (broken / "edge-bridge.yaml").write_text("site: suzhou-1\nsyte: x\n")
    bad = run(edge_bridge, "check", "--config", broken, cwd=installed, PYTHONPATH=libraries)
    assert bad.returncode == 78, bad.stdout + bad.stderr
    assert "Traceback" not in bad.stdout + bad.stderr
