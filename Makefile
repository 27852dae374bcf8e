# Everything here sets itself up: a virtual environment in .venv, made once and renewed when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Two spinning OpenMP threads on two shared cores are far slower than one that waits.
export OMP_WAIT_POLICY := passive

KILLS ?= 5000
SEED ?= 0

.PHONY: setup demo test test-slow crash lint format bench docs clean

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Shopkeeper needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[train,console,scale,zh,dev]'
	@touch $@

demo: setup  ## a simulated shop, from its exports to a page that answers
	$(BIN)/shopkeeper demo demo-shop

test: setup  ## the fast suite
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "not slow and not gpu"

test-slow: setup  ## the longer proofs
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "slow and not gpu"

crash: setup  ## kill -9 at random moments, a thousand times over: make crash KILLS=5000 SEED=1
	OMP_NUM_THREADS=2 KILLS=$(KILLS) SEED=$(SEED) $(BIN)/pytest -m slow tests/crash

lint: setup  ## format, lint, types, import contracts
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: setup  ## the figures of docs/benchmarks.md
	for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: setup  ## the documentation as a site, in site/
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

clean:
	rm -rf $(VENV) demo-shop site .mypy_cache .ruff_cache .pytest_cache
