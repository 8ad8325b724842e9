# Every target does its own set-up: on a fresh machine, `make run` or `make test` is enough.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# Every process of a test would compile the program again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup setup-run setup-test setup-slow run test compiled-tests test-slow lint format bench bench-chat bench-history bench-listing bench-switching bench-watching bench-workers evaluate messages soak screenshots package package-again package-test lock clean

BIN := .venv/bin
# Tests often wait for servers, so two cores are busy with four processes. A process that crashes
# ends the run: pytest-xdist would replace it, but the last tests would then wait for ever. The order
# of the files is that of tests/kit/file_order.py.
PARALLEL := -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart=0
# Tests draw into memory; a test that needs a screen starts its own X server.
OFFSCREEN := QT_QPA_PLATFORM=offscreen

# $(call check,NAME,COMMAND): run a step, announce it, and name it when it fails.
check = @echo "== $(1)"; $(2) || { echo "make $@: $(1) failed" >&2; exit 1; }

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

setup: ## Set-up only: .venv, pinned packages, system libraries (PYTHON=… selects one)
	@packaging/setup.sh test

setup-run:
	@packaging/setup.sh run

setup-test:
	@packaging/setup.sh test

setup-slow:
	@packaging/setup.sh slow

run: setup-run ## Open the window on an embedded server with sample work (SERVER=nats://… for another)
	@mkdir -p build
	@$(if $(SERVER),PULSE_SERVER="$(SERVER)") $(BIN)/pulse-desktop$(if $(SERVER)$(PULSE_SERVER)$(PULSE_PROFILE),, --profile local)

# The tests are compiled while mypy runs: each of the parallel processes would compile all of them.
test: ## All checks: lint, types, import rules, tests (PYTEST=… adds options)
	@$(MAKE) --no-print-directory -j2 lint compiled-tests
	@echo "== pytest"; $(OFFSCREEN) $(BIN)/pytest $(PARALLEL) $(PYTEST)

compiled-tests: setup-test
	@$(OFFSCREEN) $(BIN)/pytest --collect-only -qq >/dev/null 2>&1 || true

test-slow: setup-slow ## The slow tests: matrices of logins, roles, kills, elections and sizes
	@$(OFFSCREEN) $(BIN)/pytest $(PARALLEL) -m "slow or hypothesis" --hypothesis-profile=thorough --timeout=600 -o faulthandler_timeout=720 $(PYTEST)

lint: setup-test ## The checks of make test without the tests
	$(call check,ruff check,$(BIN)/ruff check .)
	$(call check,ruff format --check,$(BIN)/ruff format --check .)
	$(call check,mypy,$(BIN)/mypy)
	$(call check,import rules,$(BIN)/lint-imports)

format: setup-test ## Format the code and apply the fixes that ruff can make
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup-run ## Measure the ingest speed quoted in docs/performance.md
	@$(OFFSCREEN) $(BIN)/python benchmarks/ingest.py $(BENCH)

bench-chat: setup-run ## Measure the pipeline from a chat export of 100,000 messages to knowledge
	@$(BIN)/python -m benchmarks.chat $(BENCH)

bench-history: setup-run ## Measure commands and reading back with 300,000 stored events
	@$(BIN)/python -m benchmarks.history $(BENCH)

bench-listing: setup-run ## Measure the commands that list, with 100,000 stored results
	@$(BIN)/python benchmarks/listing.py $(BENCH)

bench-switching: setup-run ## Measure how fast a window changes to another connection
	@$(BIN)/python -m benchmarks.switching $(BENCH)

bench-watching: setup-run ## Measure the processor time of a window while tasks run and while idle
	@$(BIN)/python -m benchmarks.watching $(BENCH)

bench-workers: setup-run ## Measure Pulse workers against bare taskiq-nats
	@$(BIN)/python benchmarks/workers.py $(BENCH)

evaluate: setup-test ## Measure the built-in provider on the labelled messages
	@$(BIN)/python -m tests.labelled.evaluation

messages: setup-test ## Extract the texts for translation into resources/locale/pulse_desktop.pot
	@mkdir -p resources/locale
	@$(BIN)/pybabel -q extract --no-wrap --sort-by-file --project pulse-desktop \
		-o resources/locale/pulse_desktop.pot pulse_desktop workers/pulse_workers

soak: setup-test ## The tests that run for hours (PULSE_SOAK_SECONDS=…)
	@$(OFFSCREEN) $(BIN)/pytest -m soak --timeout=0 -o faulthandler_timeout=0 $(PYTEST)

screenshots: setup-run ## Render every page and the connections into docs/images
	@$(BIN)/python packaging/screenshots.py

package: setup-run ## Build installers into dist: .deb, portable archive, wheel, licenses, checksums
	@packaging/package.sh $(PACKAGE)

package-again: setup-run ## Build the packages again elsewhere and compare every byte
	@packaging/package-again.sh

package-test: setup-test ## Test the built packages on a bare Debian 12 (needs root)
	@packaging/package-test.sh

lock: setup-run ## Update the lock files (UPGRADE=1 upgrades every package)
	@packaging/lock.sh

clean: ## Remove .venv, caches and build results
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
