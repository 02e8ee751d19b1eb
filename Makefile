# The commands of locum. Each makes what it needs: `make demo` on a fresh clone is enough.
#
# PYTHON is the interpreter that the environment is made with, VENV the folder where it lies:
#     make test PYTHON=python3.12 VENV=/tmp/locum
#
# Tests run in WORKERS processes that share a Prefect server; whoever is done takes work from another.

PYTHON ?= python3
VENV ?= .venv
STUDY ?= configs/cooled_blade.yaml
TESTS ?= tests
WORKERS ?= 2
BENCHMARKS ?= $(sort $(wildcard benchmarks/*.py))

define HELP
locum keeps a fast surrogate of an expensive simulation within a stated tolerance, by itself.

  make demo        run a real study from nothing to its report: a cooled turbine blade (a few minutes)
  make test        run the whole test suite
  make check       check format, lint and types
  make benchmark   run the benchmarks; their results go to benchmarks/results/
  make lock        resolve requirements.lock anew from pyproject.toml
  make clean       remove the environment and all caches; studies and their simulations stay

Each of them first makes the environment in $(VENV) from requirements.lock (a minute or two, once).
Then look around by yourself:

  $(VENV)/bin/locum --help
  $(VENV)/bin/locum run $(STUDY)
endef
export HELP

# This file is written when the environment is complete, and removed before anything in it changes.
READY := $(VENV)/.complete

.SILENT:
.DEFAULT_GOAL := help
.PHONY: help demo test check benchmark lock clean

help:
	printf '%s\n' "$$HELP"

demo: $(READY)
	"$(VENV)/bin/locum" run "$(STUDY)"

test: $(READY)
	"$(VENV)/bin/python" -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

check: $(READY)
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/mypy"

benchmark: $(READY)
	set -e; for script in $(BENCHMARKS); do echo "== $$script"; "$(VENV)/bin/python" "$$script"; done

lock:
	infra/make_lock.sh "$(PYTHON)"

clean:
	rm -rf "$(VENV)" build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src flows tests benchmarks data -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	infra/make_environment.sh "$(PYTHON)" "$(VENV)"
