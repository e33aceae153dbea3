"""Wheel, sdist and editable install carry all that compiling a formula needs.

Each is installed into a new environment. The heavy dependencies are lent to it: a
directory of links to what the running interpreter has installed, without recform, is
put on its path. So nothing is downloaded, and the only recform it can find is its own.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

FORMULA = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"
GRAMMAR = "grammars/recform.lark"
TABLES = "grammars/recform.json"
# What an editable install of a checkout may rest on.
CHECKOUT = ("pyproject.toml", "README.md", "LICENSE", "recform", "grammars")


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command away from the checkout; its output is shown if it fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command} exits {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def artefacts(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out]
    run(*build, repository, cwd=out)
    return out


@pytest.fixture(scope="session")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links to all that is installed here except recform."""
    links = tmp_path_factory.mktemp("lent")
    for entry in map(Path, sys.path):
        if entry.name not in ("site-packages", "dist-packages"):
            continue
        for installed in entry.iterdir():
            link = links / installed.name
            if "recform" not in installed.name.lower() and not link.exists():
                link.symlink_to(installed)
    return links


@pytest.fixture
def environment(lent: Path, tmp_path: Path) -> Path:
    """A new environment's bin directory."""
    root = tmp_path / "environment"
    venv.create(root, with_pip=False, symlinks=True)
    bin_ = root / "bin"
    site_packages = run(
        bin_ / "python",
        "-c",
        "import sysconfig; print(sysconfig.get_path('purelib'))",
        cwd=tmp_path,
    ).strip()
    (Path(site_packages) / "lent.pth").write_text(f"{lent}\n")
    missing = "import importlib.util as u; print(u.find_spec('recform'))"
    assert run(bin_ / "python", "-c", missing, cwd=tmp_path).strip() == "None"
    return bin_


def install(environment: Path, *what: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", environment / "python", "install"]
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    run(*pip, *offline, *what, cwd=environment)


def check_compiles(environment: Path, home: Path, directory: Path) -> None:
    """The installed recform is the one below home, and it compiles a formula."""
    where = "import recform; print(recform.__file__)"
    found = Path(run(environment / "python", "-c", where, cwd=directory).strip())
    assert found.resolve().is_relative_to(home.resolve())

    (directory / "one.rf").write_text(FORMULA)
    recform = environment / "recform"
    run(recform, "compile", "one.rf", "-o", "out.py", cwd=directory)
    source = (directory / "out.py").read_text()
    classes = [n for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    assert classes
    compile(source, "out.py", "exec")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def test_wheel_and_sdist_carry_grammar_types_and_licence(artefacts: Path) -> None:
    (wheel,) = artefacts.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {f"recform/{GRAMMAR}", f"recform/{TABLES}"} <= {*names}
    assert "recform/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {
        "recform"
    }
    # What Jupyter looks for beside Python's packages.
    data = [name for name in names if name.partition("/")[0].endswith(".data")]
    assert data and all("/data/share/jupyter/labextensions/" in name for name in data)

    (sdist,) = artefacts.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
    assert {GRAMMAR, TABLES, "recform/py.typed", "LICENSE", "README.md"} <= members


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    # The wheel is made of the sdist.
    ["*.whl", pytest.param("*.tar.gz", marks=pytest.mark.long)],
    ids=["wheel", "sdist"],
)
def test_installed_artefact_compiles_a_formula(
    pattern: str, artefacts: Path, environment: Path, work: Path
) -> None:
    (artefact,) = artefacts.glob(pattern)
    install(environment, artefact)
    check_compiles(environment, home=environment.parent, directory=work)


@pytest.mark.slow
def test_editable_install_compiles_a_formula(
    repository: Path, environment: Path, work: Path, tmp_path: Path
) -> None:
    # A copy, so that the checkout's own editable install can't stand in for it.
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in CHECKOUT:
        copy = shutil.copytree if (repository / name).is_dir() else shutil.copy
        copy(repository / name, checkout / name)
    install(environment, "--editable", checkout)
    check_compiles(environment, home=checkout, directory=work)
