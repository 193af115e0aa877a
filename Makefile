# All commands; `make` without one lists them. Continuous integration uses the same.

PYTHON ?=
BIN := .venv/bin
CODE := scanning payouts backend demo simulators local_postgres
export PYTHON
# Where the environment forbids compiled files, every start would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run dev test check fix demo bench crash attack storm fuzz lock rehearse image clean

help: ## List these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: ## Install, start everything on this machine, and keep it running (Ctrl-C stops it)
	@scripts/bootstrap.sh run
	@$(BIN)/scanback run

dev: ## Install what development needs
	@scripts/bootstrap.sh dev

test: ## Run the whole suite
	@scripts/bootstrap.sh dev browser
	@$(BIN)/pytest -n 2 --dist worksteal

check: dev ## Style, types, import layers, migrations against models, OpenAPI against code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/scanback migrate --check
	$(BIN)/scanback openapi --check

fix: dev ## Fix style and formatting automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: ## Run all flows of the product over HTTP on a temporary server
	@scripts/bootstrap.sh run
	@$(BIN)/scanback demo

bench: dev ## Measure (10 minutes at most)
	@$(BIN)/python -m bench

crash: dev ## Kill all processes repeatedly under load; nothing may be lost or doubled
	@$(BIN)/python -m bench.crash
	@$(BIN)/python -m bench.crash.orders

# atheris has wheels for few systems and only this needs it, so it is not in the lock.
ATHERIS = $(BIN)/uv pip install -q --python $(BIN)/python --group fuzz
FUZZ_SECONDS ?= 600

attack: dev ## Attack a temporary installation in all known ways: honest clients are not affected (10 minutes)
	@$(BIN)/python -m bench.attack

storm: dev ## 10,000 receipts over a provider that allows 5 requests a second and fails often (an hour)
	@$(BIN)/python -m bench.storm

fuzz: dev ## A million steps of the ledger and of checkout, fewer of certificates and orders, beside their models; a thousand requests a route; receipts
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest tests/payouts tests/checkout tests/spending -k machine
	HYPOTHESIS_PROFILE=scanback $(BIN)/pytest tests/programmes/products/test_import_round_trips.py
	@SCANBACK_EXAMPLES=1000 $(BIN)/pytest tests/core/openapi/test_schemathesis.py
	@if { $(ATHERIS) || $(ATHERIS) --system-certs; } >.venv/atheris.log 2>&1; \
	then $(BIN)/python -m fuzz.receipt $(FUZZ_SECONDS); \
	else echo "atheris cannot be installed here (see .venv/atheris.log): receipts were not fuzzed."; fi

lock: dev ## Resolve the dependencies again (UPGRADE=--upgrade takes the newest)
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header $(UPGRADE) pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header $(UPGRADE) pyproject.toml --group dev -o requirements/dev.lock
	echo uv | $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 $(UPGRADE) - -o requirements/installer.lock

rehearse: dev ## Run the steps of the Dockerfile without a container engine
	@PYTHONPATH=. $(BIN)/python scripts/rehearse_image.py

image: ## Build the container image
	docker build -f docker/Dockerfile -t scanback .

clean: ## Remove the environment and the caches; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
