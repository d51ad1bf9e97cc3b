# Bare `make` says what there is. Every target that needs packages installs them first, and asks the
# network only when constraints.txt has changed.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset serve migrate journey bench test test-15 lint format imports \
        typecheck typescript wheels check constraints clean
SHELL := /bin/sh
BIN := .venv/bin
# Further words for a command: make test ARGS="tests/billing -x"
ARGS ?=
# A process for each core, each with a PostgreSQL of its own, and a file's tests in one of them,
# since they share what its fixtures made. ARGS="-n 0" is for a debugger.
PYTEST := $(BIN)/python -m pytest -n logical --dist loadfile

help: ## Say what there is
	@echo "Tonglu (同路). make TARGET, where TARGET is:"
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Start with: make demo"

setup: ## Make .venv with all packages and the command tonglu
	@sh tools/setup.sh

demo: setup ## Run the product with demo data; Ctrl-C stops it, the data stay
	@$(BIN)/tonglu demo $(ARGS)

demo-reset: setup ## Throw the demo's data away
	@$(BIN)/tonglu demo --reset $(ARGS)

serve: setup ## Run the web processes alone
	@$(BIN)/tonglu serve $(ARGS)

migrate: setup ## Bring the database to this version's schema
	@$(BIN)/tonglu migrate $(ARGS)

journey: setup ## Run the product's main job end to end and print it
	@$(BIN)/tonglu journey $(ARGS)

bench: setup ## Measure the product against the bare stack
	@$(BIN)/tonglu bench $(ARGS)

test: setup ## Run all tests on the embedded PostgreSQL
	@$(PYTEST) $(ARGS)

# The pages in a browser ask nothing of PostgreSQL that the tests of the rooms beneath them do not;
# nor do hostile requests, of which nearly all are refused before a statement is made.
test-15: setup ## Run the database's tests again on Debian's PostgreSQL 15
	@TONGLU_TEST_PG=debian15 $(PYTEST) -m database --ignore tests/partner_portal/browser \
	    --ignore tests/isolation/test_bad_input.py --ignore tests/isolation/test_fuzz.py $(ARGS)

lint: setup ## Check style and format
	@$(BIN)/ruff check $(ARGS)
	@$(BIN)/ruff format --check $(ARGS)

format: setup ## Put the code into the one format
	@$(BIN)/ruff format $(ARGS)
	@$(BIN)/ruff check --fix $(ARGS)

imports: setup ## Check who may import whom
	@$(BIN)/lint-imports --no-cache

typecheck: setup ## Check the types, strictly
	@$(BIN)/mypy $(ARGS)

# A company's own certificate authority is known to the system, not to node.
typescript: export NODE_EXTRA_CA_CERTS ?= /etc/ssl/certs/ca-certificates.crt
typescript: ## Fetch the compiler that the pages' scripts are checked with
	@npm ci --prefix tests/partner_portal/typecheck --no-audit --no-fund --no-update-notifier

wheels: setup ## Prove that a device installs protocol and client alone
	@sh tools/prove_wheels.sh

check: lint imports typecheck test ## What a change must pass

constraints: setup ## Resolve requirements.in into constraints.txt
	@$(BIN)/uv pip compile requirements.in --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make constraints" --quiet --output-file constraints.txt

clean: ## Throw caches away; data and .venv stay
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .tonglu/test-cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
