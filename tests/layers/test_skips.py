"""Where everything is to be there, a test that was skipped for want of something has failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORIES = """
import pytest


def test_with_what_is_missing():
    pytest.skip("needs a scanner")


@pytest.mark.skipif(True, reason="needs strace")
def test_marked():
    pass


@pytest.fixture
def rig():
    pytest.skip("needs root")


def test_with_a_rig(rig):
    pass


def test_of_another_database():
    pytest.skip("does not apply: PostgreSQL keeps its own keys")


@pytest.mark.xfail(strict=True)
def test_known_to_fail():
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "4 skipped, 1 xfailed"),
        ({"COMMUNE_CI": "1"}, "1 failed, 1 skipped, 1 xfailed, 2 errors"),
    ],
    ids=["elsewhere", "in .ci/run"],
)
def test_a_skip_for_want_of_something_counts_as(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    (tmp_path / "test_stories.py").write_text(STORIES)
    kept = {name: value for name, value in os.environ.items() if name != "COMMUNE_CI"}
    config = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *config, "-p", "tests.conftest", "-q", str(tmp_path)],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in done.stdout, done.stdout + done.stderr
