# `make demo` and `make test` need git, make and Python 3.11+; they install the rest
# into .venv.

PYTHON ?= python3
VENV   ?= .venv
# Processes that run tests at the same time.
JOBS   ?= 2
# How long `make test-long` searches, in half hours of two cores.
SCALE  ?= 1
# More options for pytest: make test ARGS="-k resnet".
ARGS   ?=

BIN     := $(VENV)/bin
PY      := $(BIN)/python
STAMP   := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast test-light test-long lint format bench grammar goldens \
	site docs install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

demo: $(STAMP) ## Compile a formula, run the network on images, train it a little
	$(PY) examples/demo.py

test: lint test-light ## Lint, try a bare environment, then run all tests
	$(PY) -m pytest -n $(JOBS) $(ARGS)

test-fast: $(STAMP) ## Run the tests that are not marked slow
	$(PY) -m pytest -n $(JOBS) -m "not slow and not long" $(ARGS)

test-light: $(STAMP) ## Install the wheel without torch into a bare environment, try it
	$(PY) tests/packaging/light.py

test-long: $(STAMP) ## Search for faults with fresh draws, half an hour: docs/reliability.md
	HYPOTHESIS_PROFILE=fresh $(PY) -m pytest -n $(JOBS) -m "long or drawn" \
		-o faulthandler_timeout=0 --scale $(SCALE) $(ARGS)

lint: $(STAMP) ## Check style, format, types and the layers
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Sort imports, mend what ruff can mend, format
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

bench: $(STAMP) ## Measure the compiler and what it emits
	$(PY) benchmarks/compile.py
	$(PY) benchmarks/analysis.py
	$(PY) benchmarks/analysis.py --plain --runs 1
	$(PY) benchmarks/startup.py
	$(PY) benchmarks/editor.py
	$(PY) benchmarks/training.py
	$(PY) benchmarks/memory.py
	$(PY) benchmarks/inference.py

grammar: $(STAMP) ## Write the tables of the grammar anew, after a change of it
	$(PY) -m recform.syntax.generate

goldens: $(STAMP) ## Write tests/goldens anew; review the diff before committing
	$(PY) -m pytest -n $(JOBS) -m golden --update-goldens $(ARGS)

site: $(STAMP) ## Build the documentation, with a page an example, into build/site
	$(PY) -m website --jobs $(JOBS)

docs: $(STAMP) ## Run the examples in docs/ and README.md
	$(PY) -m pytest -n $(JOBS) tests/docs $(ARGS)

install: $(STAMP) ## Make .venv with recform (editable) and the test tools

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
		"recform needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	@echo "Installing what is needed into $(VENV); this takes some minutes."
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@# Errors are shown; warnings (of the index, of the cache) are not about recform.
	@$(PY) -m pip install -qq -e '.[test]'
	@touch $@

clean: ## Remove what can be made again, but keep .venv
	rm -rf build dist out .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
