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
# A process gets tests that stand side by side: what is made for one is there for the next.
TEST    = $(PY) -m pytest -n $(JOBS) --dist worksteal

BIN     := $(VENV)/bin
PY      := $(BIN)/python
STAMP   := $(VENV)/.installed
# Of the extension for VS Code; it and the playground alone need npm.
VSCODE  := editors/vscode
MODULES := $(VSCODE)/node_modules/.package-lock.json

# Node, for the playground.
BROWSE := PYTHON=$(abspath $(PY)) node

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start recform hundreds of times: no process should compile it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast test-light test-long test-gpu test-browser test-vscode lint format \
	bench bench-browser grammar goldens site docs playground wheel vscode install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

demo: $(STAMP) ## Compile a formula, run the network on images, train it a little
	$(PY) examples/demo.py

test: $(STAMP) ## Lint and try a bare environment at the same time, then run all tests
	$(MAKE) --jobs=2 --output-sync lint test-light
	$(TEST) $(ARGS)

test-fast: $(STAMP) ## Run the tests that are not marked slow
	$(TEST) -m "not slow and not long" $(ARGS)

test-light: $(STAMP) ## Install the wheel without torch into a bare environment, try it
	$(PY) tests/packaging/light.py

test-long: $(STAMP) ## Search for faults with fresh draws, half an hour: docs/reliability.md
	HYPOTHESIS_PROFILE=fresh $(TEST) -m "long or drawn" \
		-o faulthandler_timeout=0 --scale $(SCALE) $(ARGS)

test-gpu: $(STAMP) ## What only a GPU can show (benchmarks/on_gpu.sh has the rest)
	$(PY) -m pytest tests/gpu

test-browser: playground ## Test the playground in Chromium, beside the terminal
	cd playground && npx tsc
	$(BROWSE) --test $(wildcard playground/tests/*.test.mjs)

test-vscode: $(STAMP) $(MODULES) ## Test the extension for VS Code (needs npm and Node 20)
	cd $(VSCODE) && RECFORM_PYTHON=$(abspath $(PY)) npm test

lint: $(STAMP) ## Check style, format, types and the layers
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Sort imports, mend what ruff can mend, format
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

bench: $(STAMP) ## Measure, and mark what is worse than docs/benchmarks.md; ARGS=--quick
	$(PY) benchmarks/bench.py $(ARGS)

bench-browser: playground ## Measure the playground in Chromium
	$(BROWSE) playground/tests/measure.mjs

grammar: $(STAMP) ## Write the tables of the grammar, and VS Code's colours, anew
	$(PY) -m recform.syntax.generate
	$(PY) $(VSCODE)/make_grammar.py

goldens: $(STAMP) ## Write tests/goldens anew; review the diff before committing
	$(TEST) -m golden --update-goldens $(ARGS)

site: $(STAMP) ## Build the documentation, with a page an example, into build/site
	$(PY) -m website --jobs $(JOBS)

docs: $(STAMP) ## Run the examples in docs/ and README.md
	$(TEST) tests/docs $(ARGS)

playground: $(STAMP) ## Build the page of `recform playground` with npm
	cd playground && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BROWSE) playground/build.mjs

wheel: playground ## Build dist/recform-VERSION.whl with the playground in it (needs npm)
	$(PY) -m build --wheel --no-isolation .

vscode: $(STAMP) $(MODULES) ## Build dist/recform-VERSION.vsix (needs npm and Node 20)
	mkdir -p dist
	cd $(VSCODE) && version=$$($(abspath $(PY)) -c \
		'import recform; print(recform.__version__)') && \
		npm run package -- --out $(CURDIR)/dist/recform-$$version.vsix $$version

$(MODULES): $(VSCODE)/package.json $(VSCODE)/package-lock.json
	cd $(VSCODE) && npm ci --no-audit --no-fund
	@touch $@

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
	rm -rf build dist out recform/playground/page .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache $(VSCODE)/out $(VSCODE)/node_modules \
		$(VSCODE)/LICENSE
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
