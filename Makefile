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

.PHONY: help setup demo demo-from-scratch test test-all lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(READY) ## virtual environment in .venv with everything installed

$(READY): pyproject.toml constraints/cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check "$(TORCH)" $(EXTRA_INDEX)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints/cpu.txt -e ".[dev]"
	@touch $@

demo: $(READY) ## fine-tune the shipped detector on synthetic EEG, run it on a real seizure: two minutes
	$(BIN)/brainbrr synthesize output=$(DEMO)/corpus seed=2026 n_subjects.train=24 n_subjects.val=4 n_subjects.test=5 duration_s.train=300 duration_s.val=1200 seizures_per_hour.train=18 seizures_per_hour.val=3 workers=2
	$(BIN)/brainbrr train experiment=quickstart data.root=$(DEMO)/corpus run_dir=$(DEMO)/run paths.cache=$(DEMO)/cache
	$(BIN)/brainbrr evaluate data=bids data.name=examples data.root=examples paths.cache=$(DEMO)/cache output=$(DEMO)/real
	$(BIN)/brainbrr predict input=examples output=$(DEMO)/events overwrite=true
	@echo "reports: $(DEMO)/run/report.html (synthetic subjects), $(DEMO)/real/report.html (the real seizure)"

demo-from-scratch: $(READY) ## train from random weights instead: several minutes
	$(BIN)/brainbrr synthesize output=$(DEMO)/from_scratch/corpus
	$(BIN)/brainbrr train experiment=from_scratch experiment_name=null data.root=$(DEMO)/from_scratch/corpus run_dir=$(DEMO)/from_scratch/run paths.cache=$(DEMO)/from_scratch/cache

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
	$(BIN)/codespell brainbrr conf tests benchmarks examples/README.md experiments README.md CHANGELOG.md CONTRIBUTING.md

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## speed and memory in ten minutes, appended to benchmarks/results
	$(BIN)/python benchmarks/run_all.py

clean: ## remove build products and tool caches (never data, caches or runs)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
