# Each target sets up what it needs; `make demo` and `make test` work in a fresh clone.

# The Python that the environment is made from: 3.11 or newer.
PYTHON ?= python3
# Where the environment lies. Data lie elsewhere: NEWSMILL_HOME, see README.md.
VENV ?= .venv
# More arguments for pytest, such as PYTEST_ARGS='-k salvage'.
PYTEST_ARGS ?=

BIN := $(VENV)/bin
# -qq: errors only; pips before 26 warn of an extra of lxml whose package pyproject.toml names itself.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

# What llama.cpp is compiled from and for. pip keeps what it has built by version alone; a cache
# for each of these never gives an old one for new kernels, or one that another CPU built.
KERNELS := $(sort $(wildcard inference/kernels/*.cpp inference/kernels/*.h))
LLAMA_KEY = $(shell ( { cat llama-cpp.cmake $(KERNELS); echo '$(LLAMA_FLAGS)'; \
  grep -m1 -E '^(flags|Features)' /proc/cpuinfo; } | cksum | tr ' ' - ) 2>/dev/null)
LLAMA_FLAGS := $(CMAKE_ARGS)

# How llama.cpp is compiled, with all cores; quotes for a clone whose path has spaces.
export CMAKE_ARGS := $(CMAKE_ARGS) -DCMAKE_PROJECT_INCLUDE='$(CURDIR)/llama-cpp.cmake'
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-unit lint format bench bench-inference starter evaluate lock map hooks clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install what running needs (no torch), compiling llama.cpp for this CPU

demo: $(INSTALLED) ## Run the whole mill on the shipped sample, print the result, stop everything
	@$(BIN)/newsmill demo

# The quick tests use one core, the others mostly wait: side by side they take a fifth less. What the
# quick ones print comes in one piece; with arguments it is one run, which may find none of a kind.
test: $(INSTALLED_DEV) ## Run all tests: unit, integration (real servers), end to end
ifeq ($(PYTEST_ARGS),)
	@$(MAKE) --no-print-directory -j2 .test-quick .test-mill
else
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

.PHONY: .test-quick .test-mill
.test-quick:
	@told=$$($(BIN)/python -m pytest tests/unit 2>&1); ended=$$?; echo "$$told"; exit $$ended

.test-mill:
	@$(BIN)/python -m pytest tests/integration tests/e2e

test-unit: $(INSTALLED_DEV) ## Run the quick tests, without servers
	@$(BIN)/python -m pytest tests/unit -m "not slow" $(PYTEST_ARGS)

lint: $(INSTALLED_DEV) ## Check format, lint, types and the direction of imports; change nothing
	@$(BIN)/ruff format --check --quiet . || { echo "make format mends these:"; \
	  $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(INSTALLED_DEV) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure ingest, prefilter and store: articles per second
	@$(BIN)/python -m bench.pipeline

bench-inference: $(INSTALLED_DEV) ## Measure inference: articles per five minutes
	@$(BIN)/python -m bench.inference

starter: $(INSTALLED_DEV) ## Train the starter build anew: make starter DATA=folder
	@test -n "$(DATA)" || { echo "make starter: say where the data lie: make starter DATA=folder" >&2; exit 2; }
	@$(BIN)/python -m training.starter --data "$(DATA)"

evaluate: $(INSTALLED_DEV) ## Score and calibrate the starter build anew: make evaluate DATA=folder
	@test -n "$(DATA)" || { echo "make evaluate: say where the data lie: make evaluate DATA=folder" >&2; exit 2; }
	@$(BIN)/python -m training.evaluate --data "$(DATA)"

lock: $(INSTALLED_DEV) ## Write the lock files anew from pyproject.toml; UPGRADE=1 moves all versions
	@$(BIN)/python .ci/lock.py $(if $(UPGRADE),--upgrade)

map: ## Write the file map of README.md anew from the modules' docstrings
	@$(PYTHON) .ci/file_map.py

hooks: $(INSTALLED_DEV) ## Let git run `make format lint` before each commit
	@$(BIN)/pre-commit install

clean: ## Remove the environment and all caches; the data of the mill stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One file stands for a finished installation; it is older than the locks when they have changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Newsmill needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements.lock pyproject.toml llama-cpp.cmake $(KERNELS) | $(BIN)/python
	@command -v c++ >/dev/null && command -v cc >/dev/null || { \
	  echo "A C++ compiler is missing; on Debian: apt-get install build-essential" >&2; exit 1; }
	@echo "Installing Newsmill into $(VENV); the first time llama.cpp is compiled for this CPU (minutes)"
	@$(PIP) install -qq --no-deps --force-reinstall \
	  --cache-dir "$${XDG_CACHE_HOME:-$$HOME/.cache}/newsmill/llama-$(LLAMA_KEY)" \
	  "$$(grep '^llama-cpp-python==' requirements.lock)"
	@$(PIP) install -qq --requirement requirements.lock
	@$(PIP) install -qq --no-deps --editable .
	@touch $@

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	@echo "Installing the development tools and the training stack (torch)"
	@$(PIP) install -qq --requirement requirements-dev.lock
	@touch $@
