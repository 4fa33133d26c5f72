# One command per habit: `make help` lists them.  `make setup` needs no root, no MPI and no CMake.

PYTHON ?= python3
VENV ?= .venv
RANKS ?= 2
WORKERS ?= 2
EPOCHS ?= 20
RUN := $(or $(RUN),runs/mnist_mini-$(shell date -u +%Y%m%dT%H%M%SZ))
NEWEST_VENV ?= build/newest
NEWEST_TESTS ?= tests/unit
TORCH_VENV ?= build/torch
TORCH_INDEX ?=
export VENV

# Runs a command in the environment, without activating it.
IN_ENV = scripts/in_env
# Tests of one process, the files spread over some workers.
UNIT = pytest --numprocesses $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup train test test-rest test-all test-unit test-parallel test-cluster test-jax \
    test-torch test-newest lint format dist bench job-scripts scaling-page policies-page search-page \
    doctor clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo "Settings: VENV, MPI=system, HOROVOD_GPU=1, CAPS_HVD_CACHE, PYTHON (docs/install.md);"
	@echo "RANKS, EPOCHS and RUN (the folder) of make train; WORKERS, processes of tests of one process;"
	@echo "CAPS_HVD_DATA_DIR, the folder of data sets (docs/data.md)"

setup: ## set up the environment; does nothing when it is up to date
	@$(PYTHON) scripts/setup_env.py

train: setup ## train a capsule network on 2 ranks on embedded real images, and draw what it has learnt
	$(IN_ENV) caps-hvd launch -np $(RANKS) -- python -m caps_hvd.train \
	    --preset slim --dataset mnist_mini --epochs $(EPOCHS) --batch-size 50 \
	    --policy one-cycle --learning-rate 0.0015 --reconstruction-weight 0.005 \
	    --augment --max-shift-pixels 1 --compression none --run-dir $(RUN)
	$(IN_ENV) caps-hvd reconstruct $(RUN)
	$(IN_ENV) caps-hvd perturb $(RUN) --digit 5
	@echo "enter the environment before you call caps-hvd yourself: . $(VENV)/bin/activate"

# What proves an installation and the core, in minutes; `test-rest` is what it leaves out.
test: setup ## run the tests of the core: one process, then ranks
	$(IN_ENV) $(UNIT) tests/unit -m "not slow"
	$(IN_ENV) pytest tests/parallel -m core

test-rest: setup ## run the other tests of one process and of ranks
	$(IN_ENV) $(UNIT) tests/unit -m slow
	$(IN_ENV) pytest tests/parallel -m "not core"

test-all: test test-rest test-jax ## run all tests but those of clusters and of PyTorch

test-unit: setup ## run the tests that need one process
	$(IN_ENV) $(UNIT) tests/unit

test-parallel: setup ## run the tests that start 2 and 4 ranks
	$(IN_ENV) pytest tests/parallel

test-cluster: setup ## run the tests of hosts, Slurm and the container (root, scripts/cluster_packages)
	$(IN_ENV) pytest tests/cluster

test-jax: setup ## run the tests of ops, layers and models on Keras's JAX backend
	KERAS_BACKEND=jax $(IN_ENV) $(UNIT) tests/unit/ops tests/unit/layers tests/unit/models

# An environment of its own, without TensorFlow and Horovod. TORCH_INDEX: of wheels without CUDA.
test-torch: export VENV = $(TORCH_VENV)
test-torch: ## run the tests of ops, layers, models and training on Keras's PyTorch backend
	$(PYTHON) -m venv $(TORCH_VENV)
	@$(IN_ENV) pip install --quiet --constraint scripts/constraints.txt \
	    $(addprefix --extra-index-url ,$(TORCH_INDEX)) --editable '.[torch,test]'
	KERAS_BACKEND=torch OMP_NUM_THREADS=1 $(IN_ENV) $(UNIT) tests/unit/ops tests/unit/layers \
	    tests/unit/models tests/unit/training

# Another environment: what is set up for the other targets stays as it is.
test-newest: export VENV = $(NEWEST_VENV)
test-newest: export NEWEST = 1
test-newest: ## run the unit tests on the newest releases of all packages (docs/install.md)
	rm -rf $(NEWEST_VENV)
	@$(PYTHON) scripts/setup_env.py
	@$(IN_ENV) pip list --format freeze --exclude-editable --exclude pip | tr _ - \
	    | grep -vixFf scripts/constraints.txt \
	    || echo "all packages are as in scripts/constraints.txt"
	$(IN_ENV) $(UNIT) $(NEWEST_TESTS)
	KERAS_BACKEND=jax $(IN_ENV) $(UNIT) tests/unit/ops tests/unit/layers tests/unit/models

lint: setup ## check style and formatting, and the Dockerfile
	$(IN_ENV) ruff check .
	$(IN_ENV) ruff format --check .
	$(IN_ENV) hadolint Dockerfile

format: setup ## rewrite the code in the project's format
	$(IN_ENV) ruff check --fix .
	$(IN_ENV) ruff format .

# setuptools would take files that are gone from what it built before.
dist: setup ## build the wheel of the package into dist/
	rm -rf build/lib
	$(IN_ENV) pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

bench: setup ## time the ops, the model and the collectives on this machine
	$(IN_ENV) python -m benchmarks

job-scripts: setup ## write the job scripts of slurm/ and jobs/ anew
	$(IN_ENV) python scripts/job_scripts.py

scaling-page: setup ## put the report of the recorded sweep into docs/scaling.md
	$(IN_ENV) python scripts/report_page.py docs/scaling.md

policies-page: setup ## put the trade-offs of the recorded grid and all schedules into docs/policies
	$(IN_ENV) python scripts/report_page.py docs/policies/*.md

search-page: setup ## put the report of the recorded search for lanes into docs/lane_search.md
	$(IN_ENV) python scripts/report_page.py docs/lane_search.md

doctor: setup ## say what is installed and whether training can work
	$(IN_ENV) caps-hvd doctor

clean: ## remove the environment and what tools left; runs/ and the wheel cache stay
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	rm -rf build dist caps_hvd.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
