# `make` lists the targets. Everything runs in .venv, made from constraints.txt (what the program needs) and
# constraints-dev.txt (what its developers need besides), pinned, with hashes; `make test-lowest` in .venv-lowest.

PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
NHS_DATA ?= ../shared/data/nhs
# one BLAS thread: repeatable timings, and the processes do not fight over cores
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-lowest check docs audit fuzz format golden baseline same reference notebook simulation calibration nhs-data nhs bench sample constraints wheel bare clean mutations evidence

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

QUIETLY := --quiet --disable-pip-version-check
# Python compiles what is imported when it first is, and keeps that where it may; pip compiles three times as much
PIP := $(BIN)/python -m pip install $(QUIETLY) $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)

# what building takes stays out of the environment; its versions are pinned all the same
$(VENV)/.user: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps -r constraints.txt
	sed -n 's/^\([a-z0-9-]*==[^ ;]*\) .*/\1/p' constraints-dev.txt constraints.txt | sort -u -t= -k1,1 > $(VENV)/build.txt
	PIP_CONSTRAINT=$(VENV)/build.txt PIP_BUILD_CONSTRAINT=$(VENV)/build.txt $(PIP) --no-deps -e .
	@touch $@

$(VENV)/.ready: $(VENV)/.user constraints-dev.txt
	$(PIP) --require-hashes --no-deps -r constraints-dev.txt
	@touch $@

# an environment of its own; the second file brings some of the first to the lowest version
$(LOWEST)/.ready: constraints-lowest.txt constraints-dev.txt pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install $(QUIETLY) --require-hashes --no-deps -r constraints-dev.txt
	$(LOWEST)/bin/python -m pip install $(QUIETLY) --require-hashes --no-deps -r constraints-lowest.txt
	$(LOWEST)/bin/python -m pip install $(QUIETLY) --no-build-isolation --no-deps -e .
	@touch $@

setup: $(VENV)/.ready ## create the environment, with what developers need

demo: $(VENV)/.user ## evaluate the fictional sample and say where the results are
	$(BIN)/its-eval run configs/sample.yaml --out results/sample --force --jobs 2

test: $(VENV)/.ready ## run the tests with the coverage gate
	$(BIN)/python -m slipcover --json --out .coverage.json -m pytest -q -n 2 --dist worksteal -m "not slow"
	@# asked of the run itself, this would take what its workers found away from the table (SlipCover 1.1)
	$(BIN)/python -m slipcover --merge .coverage.json --out .coverage.json --skip-covered --fail-under 95

# Old libraries call what newer ones beneath them deprecate: that is between them, so these warnings are no errors here.
test-lowest: $(LOWEST)/.ready ## run the tests with the lowest versions declared (ONLY=path for some)
	$(LOWEST)/bin/python -m pytest -q -n 2 --dist worksteal -m "not slow" -W ignore::DeprecationWarning $(or $(ONLY),tests)

check: $(VENV)/.ready audit ## lint, format, types, audit of the dependencies, the notebook, the site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/notebook.py --check
	$(BIN)/python .ci/site.py

docs: $(VENV)/.ready ## build the site of the documentation in build/site, and follow its links
	$(BIN)/python .ci/site.py

audit: $(VENV)/.ready ## pins, hashes, installed versions, known vulnerabilities
	$(BIN)/python .ci/audit.py

fuzz: $(VENV)/.ready ## damaged configs, tables and series, others every time (FUZZ_EXAMPLES=5000 of each kind)
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),5000) $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/fuzz

format: $(VENV)/.ready ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(VENV)/.ready ## write the expected tables of tests/golden anew; review the difference
	$(BIN)/python -m pytest -q tests/golden --update-golden

baseline: $(VENV)/.ready ## run the corpus with 0.1, in an environment of its own (BASELINE_DIR, PYTHON_01)
	NHS_DATA=$(NHS_DATA) $(BIN)/python benchmarks/baseline/baseline.py make

same: $(VENV)/.ready ## compare every table of the corpus with those of 0.1 (ONLY=pattern for some runs)
	ONLY='$(ONLY)' $(BIN)/python benchmarks/baseline/baseline.py same

reference: $(VENV)/.ready ## write docs/reference_cases.md anew
	$(BIN)/python benchmarks/reference_cases.py

notebook: $(VENV)/.ready ## run the notebook and write its page in docs/ anew
	$(BIN)/python .ci/notebook.py

mutations: $(VENV)/.ready ## break the numeric core in many ways, one at a time: unit tests have to notice
	$(BIN)/python benchmarks/mutations.py

simulation: $(VENV)/.ready ## long simulations: does the interval cover what it says
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m slow --durations=20 tests/simulation

calibration: $(VENV)/.ready ## write docs/calibration.md anew: sizes of all estimators (a quarter of an hour)
	$(BIN)/python benchmarks/calibration.py

evidence: $(VENV)/.ready ## write docs/evidence.md anew from real series (needs the data; six minutes)
	$(BIN)/python benchmarks/evidence/page.py

nhs-data: ## copy the NHS files from NHS_DATA to data/nhs (they are never committed)
	@test -d "$(NHS_DATA)" || { echo "no folder $(NHS_DATA); set NHS_DATA, and see data/nhs/README.md"; exit 1; }
	cp "$(NHS_DATA)"/*.csv data/nhs/

nhs: $(VENV)/.user ## evaluate the five NHS-VMI trusts (after make nhs-data)
	$(BIN)/its-eval run configs/nhs_vmi_ae4h.yaml --out results/nhs_vmi_ae4h --force --jobs 2

bench: $(VENV)/.ready ## every ratio that speed is held to, on one screen
	$(BIN)/python benchmarks/bench.py

sample: $(VENV)/.user ## make the sample data anew (the same bytes)
	$(BIN)/python data/sample/generate.py

PINNED := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
constraints: ## pin all dependencies anew with hashes (needs uv)
	uv pip compile pyproject.toml --extra dev $(PINNED) -o constraints-dev.txt
	uv pip compile pyproject.toml --constraints constraints-dev.txt $(PINNED) -o constraints.txt
	$(PYTHON) .ci/rest.py
	uv pip compile pyproject.toml --resolution lowest-direct --constraints constraints-dev.txt $(PINNED) -o constraints-lowest.txt

wheel: $(VENV)/.ready ## build the wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

bare: wheel ## the wheel and constraints.txt alone, in every Python from 3.11 to 3.13 that is here: demo, size
	.ci/bare dist/its_eval-*.whl

clean: ## remove the environment and all results
	rm -rf $(VENV) $(LOWEST) results dist build .coverage.json .mypy_cache .pytest_cache .ruff_cache .hypothesis
