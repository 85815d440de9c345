# Two commands do everything from a bare Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
ifeq (,$(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
PORT ?= 3000
export OMP_NUM_THREADS := 1

.PHONY: help demo test check format results clean

help: ## What can be asked
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(MADE) ## Sample channel: load, train, release, serve; run again to go on
	$(BIN)/qudao demo --port $(PORT)

test: $(MADE) ## All tests, doctests included
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(MADE) ## Format, lint, types, walls, doctests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q features models training serving

format: $(MADE) ## Lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

results: $(MADE) ## Measure on public data; write benchmarks/results and the README's table
	$(BIN)/qudao benchmark demand

clean: ## Remove the environment and what was made
	rm -rf $(VENV) demo build *.egg-info

# torch is pinned and taken first: its PyPI wheel for another version would bring CUDA along.
$(MADE): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] < (3, 14), "Qudao needs Python 3.11 to 3.13; name one: make PYTHON=python3.11"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@
