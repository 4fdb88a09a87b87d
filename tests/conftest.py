from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: a Unix socket's path has room for 107 bytes."""
    return tmp_path_factory.mktemp("w")
