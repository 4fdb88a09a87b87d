PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup run test check simulate sweeps bench lock clean

# The stamp holds the lock files' state: a changed lock installs again, nothing else does.
setup: $(VENV)/.installed
$(VENV)/.installed: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup
	$(BIN)/commune-provision sandbox --dir sandbox --story $(ARGS)

# What holds a time against a limit runs afterwards, alone, and once more if it fails: somebody else
# may have used the machine. 5 is pytest's word for 'none of these'.
TIMED := $(BIN)/python -m pytest -m "timing and not system and not slow"
test: setup
	$(BIN)/python -m pytest -n auto -m "not system and not slow and not timing" $(MEASURED) $(ARGS)
	$(TIMED) $(ARGS) || [ $$? -eq 5 ] || $(TIMED) --last-failed $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Worlds from seeds; a seed that breaks is named with the command that shows it again.
SEEDS ?= 1000
simulate: setup
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

# Every crash point of agent and server: SIGKILL at each write and flush (an hour on two cores).
sweeps: setup
	$(BIN)/python -m pytest -n auto -m "not timing" --timeout=1800 tests/chaos $(ARGS)

bench: setup
	$(BIN)/python -m bench $(ARGS)

# Writes the locked requirements anew from pyproject.toml, with hashes and without any index address.
lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements/base.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.lock

clean:
	rm -rf $(VENV) sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis
