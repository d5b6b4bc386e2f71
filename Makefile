# Everything a newcomer needs: `make demo`, `make test`. Needs Python 3.11+ and a package index, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-all test-portable lint docs bench clean

$(VENV)/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "fiqa needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; hint: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.base
	@$(PIP) -e '.[demo]'
	@touch $@

# torch first and pinned: a bare requirement may bring gigabytes of CUDA packages
$(VENV)/.dev: $(VENV)/.base
	@$(PIP) torch
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python recipes/demo.py --out demo

# bytecode is written even where the environment says no: each process would compile all again
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0

test: $(VENV)/.dev
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.dev
	@$(PYTEST)

test-portable: $(VENV)/.dev
	@$(BIN)/python tests/portable.py

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks recipes docs examples
	$(BIN)/ruff format --check --quiet src tests benchmarks recipes docs examples
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/bench.py

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) demo site build dist
