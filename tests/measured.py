"""Branch coverage of the programs that tests start: what their environment must hold for it."""

import os

NAMES = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_CORE")


def measured() -> dict[str, str]:
    """Give what a child must find to be measured as this process is; nothing when it is not."""
    return {name: os.environ[name] for name in NAMES if name in os.environ}
