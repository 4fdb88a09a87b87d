import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

DOES_NOT_APPLY = "does not apply: "
"""How the reason of a skip begins that has nothing to do with what is installed."""

# Beside other work on few cores a limit in milliseconds would be luck. `.ci/run` tries the same
# examples each time, so that what lands does not hang on a new one; elsewhere they are new ones.
settings.register_profile(
    "shared",
    deadline=None,
    derandomize="COMMUNE_CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: a Unix socket's path has room for 107 bytes."""
    return tmp_path_factory.mktemp("w")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail that is skipped for want of something: `.ci/run` promises that all is there.

    Elsewhere (no root, no strace, no PostgreSQL) a skip says what it needs.
    """
    report = yield
    if "COMMUNE_CI" not in os.environ or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(DOES_NOT_APPLY):
        report.outcome = "failed"
        report.longrepr = f"not skipped where everything is to be there: {reason}"
    return report
