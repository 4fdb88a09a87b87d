"""A layer contract that nothing can break protects nothing: each is shown a planted violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("wire", "records", "carrier", "console", "agent", "server", "provisioning")

# file that gets the line, line, words of the contract that must name it
PLANTED = [
    ("wire/planted.py", "import records", "wire is the ground floor"),
    ("wire/planted.py", "import agent.journal", "wire is the ground floor"),
    ("wire/planted.py", "import socket", "wire and records do no input or output"),
    ("records/planted.py", "import httpx", "wire and records do no input or output"),
    ("records/planted.py", "import server.store", "records stand on wire alone"),
    ("agent/planted.py", "import server", "agent and server meet only in wire and records"),
    ("server/planted.py", "import agent.views", "agent and server meet only in wire and records"),
    ("server/planted.py", "import provisioning", "nobody imports provisioning"),
    ("agent/planted.py", "import provisioning", "nobody imports provisioning"),
    ("console/planted.py", "import records", "the console speaks"),
    ("console/planted.py", "import server", "the console speaks"),
    ("carrier/planted.py", "import agent", "the carrier knows files"),
    ("provisioning/planted.py", "import agent.journal", "provisioning uses entry points"),
    ("provisioning/planted.py", "import agent.sync", "provisioning uses entry points"),
    ("agent/devices/planted.py", "import agent.journal", "devices know nothing"),
    ("agent/journal/planted.py", "import agent.sync", "the journal is below"),
    ("agent/web/planted.py", "import agent.sync", "pages reach the journal"),
]


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a copy of the packages, so that the tree itself stays untouched."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the packages and the contracts."""
    copy = tmp_path_factory.mktemp("layers")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_tree_as_it_is_keeps_every_contract(tree: Path) -> None:
    done = lint_imports(tree)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_a_planted_import_is_named(tree: Path, file: str, line: str, contract: str) -> None:
    planted = tree / file
    planted.write_text(f"{line}\n", encoding="utf8")
    try:
        done = lint_imports(tree)
    finally:
        planted.unlink()
    assert done.returncode == 1, done.stdout
    broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(contract) for text in broken), done.stdout
