# All set-up happens here, on first use. Needed beforehand: Python 3.13, Node 20 or newer, make, git.
# Each stamp is remade when what it depends on has changed; with nothing to do, set-up costs a few milliseconds.

SHELL := /bin/sh
BIN := .venv/bin/
export UV_PYTHON_DOWNLOADS := never
export UV := $(CURDIR)/.tools/uv
# Compiled once: every start of a worker would compile the same modules again.
export UV_COMPILE_BYTECODE := 1
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

MODELS := $(or $(LOCAL_MODELS_DIR),.local/models)
BENCHMARKS := overhead cold_start local_host ingestion edits search retrieval_quality
# What waits for no clock but its own shares the cores; what watches servers and timers has the machine to itself.
SHARED := tests/architecture tests/contracts tests/convergence tests/cosmos tests/unit
PYTEST = $(BIN)python -m pytest
TEST_ALL = $(PYTEST) --numprocesses 2 $(SHARED) && $(PYTEST) $(addprefix --ignore=,$(SHARED))
INFRA := $(if $(wildcard infra/check.py),"python infra/check.py")
EXPORT := export --frozen --quiet --no-default-groups --no-emit-project --no-annotate --no-header --format requirements-txt

.PHONY: run cli test coverage soak fuzz conformance host-parity check bench services lock package clean setup

run: setup $(MODELS)/.ready ## everything, on 127.0.0.1:7071
	@$(BIN)python -m local $(ARGS)

services: setup $(MODELS)/.ready ## what `func start` needs beside it
	@$(BIN)python -m local --services $(ARGS)

cli: .venv/.ready ## the command line: make cli ARGS="doctor"
	@$(BIN)python -m cli $(ARGS)

test: setup $(MODELS)/.ready ## every test that needs no cloud
	$(if $(ARGS),$(PYTEST) $(ARGS),$(TEST_ALL))

coverage: PYTEST = $(BIN)coverage run -m pytest
coverage: setup $(MODELS)/.ready ## the same tests at half the speed, and which lines and branches they reach
	@$(BIN)coverage erase
	$(if $(ARGS),$(PYTEST) $(ARGS),$(TEST_ALL))
	@$(BIN)coverage combine --quiet
	$(BIN)coverage report

soak: setup ## long runs under load while workers are killed; each prints its figures
	$(BIN)python -m pytest -m soak -s $(ARGS)

conformance: setup ## what unmodified clients must find, each installed in .local/clients: ARGS="openai-2"
	$(BIN)python -m tests.api $(ARGS)

fuzz: setup ## 5,000 requests made up from the OpenAPI document; each answer is one that the document names, none a 5xx
	$(BIN)python -m tests.fuzz $(ARGS)

host-parity: setup ## what tests/local expects of the local host, asked of `func start`; skipped without Core Tools
	@$(BIN)python -m pytest tests/local/test_expectations.py -rs -q $(ARGS)

check: .venv/.ready ## everything that a machine can judge without running the program; all of it, whatever fails
	@failed=; for judge in "ruff check" "ruff format --check" pyright lint-imports "deptry ." $(INFRA); do \
		echo "== $$judge"; $(BIN)$$judge || failed="$$failed $$judge;"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

bench: setup $(MODELS)/.ready ## one script for each published claim
	@for script in $(or $(ARGS),$(BENCHMARKS)); do echo "# $$script"; $(BIN)python -m benchmarks.$$script || exit 1; done

lock: .tools/uv ## after a change of dependencies
	.tools/uv lock
	.tools/uv $(EXPORT) --output-file requirements.txt

package: .venv/.ready ## what is deployed, as a folder and a zip in .local/package
	@$(BIN)python -m local.package

clean: ## what set-up and checks made; your documents in .local stay
	rm -rf .venv .tools node_modules .pytest_cache .ruff_cache .import_linter_cache htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: .venv/.ready node_modules/.package-lock.json

.tools/uv: local/setup/python.sh
	@sh local/setup/python.sh

.venv/.ready: pyproject.toml uv.lock | .tools/uv
	@.tools/uv sync --frozen --python "$$(cat .tools/python)"
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json
	@sh local/setup/node.sh
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(MODELS)/.ready: local/models/packages.py local/models/conversion.py | .venv/.ready
	@$(BIN)python -m local.models --prepare
	@touch $@
