# Every target does its own set-up: on a fresh machine `make run` and `make test` are enough.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-run setup-test run test lint format bench bench-workers soak screenshots package package-again package-test lock clean

BIN := .venv/bin
# Tests wait for servers more than they compute: two files at a time take little more than half.
AT_ONCE := -n 2 --dist loadfile
# Tests and checks draw into memory; a test that wants a screen starts its own.
OFFSCREEN := QT_QPA_PLATFORM=offscreen

# $(call check,NAME,COMMAND): one announced step that names itself when it fails.
check = @echo "== $(1)"; $(2) || { echo "make $@: $(1) failed" >&2; exit 1; }

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

setup: ## Only the set-up: .venv, pinned packages, system libraries (PYTHON=… chooses)
	@packaging/setup.sh test

setup-run:
	@packaging/setup.sh run

setup-test:
	@packaging/setup.sh test

run: setup-run ## Open the window on a local server with sample work (SERVER=nats://… for another)
	@mkdir -p build
	@$(if $(SERVER),PULSE_SERVER="$(SERVER)") $(BIN)/pulse-desktop

test: setup-test ## Everything that must hold: lint, types, import rules, all tests
	$(call check,ruff check,$(BIN)/ruff check .)
	$(call check,ruff format --check,$(BIN)/ruff format --check .)
	$(call check,mypy,$(BIN)/mypy)
	$(call check,import rules,$(BIN)/lint-imports)
	@echo "== pytest"; $(OFFSCREEN) $(BIN)/pytest $(AT_ONCE) $(PYTEST)

lint: setup-test ## The checks of make test without the tests
	$(call check,ruff check,$(BIN)/ruff check .)
	$(call check,ruff format --check,$(BIN)/ruff format --check .)
	$(call check,mypy,$(BIN)/mypy)
	$(call check,import rules,$(BIN)/lint-imports)

format: setup-test ## Format the code and repair what ruff can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup-run ## Measure the speed that docs/performance.md claims
	@$(OFFSCREEN) $(BIN)/python benchmarks/ingest.py $(BENCH)

bench-workers: setup-run ## Measure our workers beside bare taskiq-nats
	@$(BIN)/python benchmarks/workers.py $(BENCH)

soak: setup-test ## The tests that take hours (PULSE_SOAK_SECONDS=…)
	@$(OFFSCREEN) $(BIN)/pytest -m soak --timeout=0 $(PYTEST)

screenshots: setup-run ## Draw every page into docs/images
	@$(BIN)/python packaging/screenshots.py

package: setup-run ## Build installers into dist: .deb, portable archive, wheel, licences, checksums
	@packaging/package.sh $(PACKAGE)

package-again: setup-run ## Build the packages once more elsewhere and compare every byte
	@packaging/package-again.sh

package-test: setup-test ## Prove what make package built, on a bare Debian 12 (needs root)
	@packaging/package-test.sh

lock: setup-run ## Renew the lock files (UPGRADE=1 takes the newest of everything)
	@packaging/lock.sh

clean: ## Remove .venv, caches and everything built
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
