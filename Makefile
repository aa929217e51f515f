# `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# CPU build of torch where there is no NVIDIA GPU on Linux (under 300 MB instead of 3 GB). Override
# for another: make setup TORCH=torch==2.6.0 TORCH_INDEX=
TORCH_VERSION ?= 2.13.0
ifeq ($(shell uname -s),Linux)
  ifeq ($(shell command -v nvidia-smi),)
    TORCH ?= torch==$(TORCH_VERSION)+cpu
    TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
  endif
endif
TORCH ?= torch==$(TORCH_VERSION)
EXTRA_INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --retries 0)

DEMO ?= demo

.PHONY: help setup demo test test-all lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## virtual environment in .venv with everything installed

$(READY): pyproject.toml constraints/cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check "$(TORCH)" $(EXTRA_INDEX)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints/cpu.txt -e ".[dev]"
	@touch $@

demo: $(READY) ## synthetic EEG in, trained detector, scored events and a report out
	$(BIN)/brainbrr synthesize output=$(DEMO)/corpus
	$(BIN)/brainbrr train experiment=quickstart data.root=$(DEMO)/corpus run_dir=$(DEMO)/run paths.cache=$(DEMO)/cache

test: $(READY) ## the fast suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(READY) ## every test this machine can run
	$(BIN)/python -m pytest -m "" -n 2 --dist loadfile

lint: $(READY) ## format, lint, types, layers, wording, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_prose.py
	$(BIN)/codespell brainbrr conf tests benchmarks experiments README.md CHANGELOG.md CONTRIBUTING.md

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## speed and memory in ten minutes, appended to benchmarks/results
	$(BIN)/python benchmarks/run_all.py

clean: ## remove build products and tool caches (never data, caches or runs)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
