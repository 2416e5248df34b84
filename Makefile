# Everything a person does with this checkout. Each target sets up what it needs: `make test` is enough on a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin
# What needs neither a server nor minutes.
QUICK := tests/unit tests/messages tests/flow
# More for pytest: make test ARGS="-k fence -x"
ARGS ?=

.PHONY: help setup lint check test test-all demo up down bench

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Tools, .venv, and missing system packages (Debian, as root); a no-op when up to date
	@python3 scripts/setup.py

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## Format, lint, types, import contracts, quick tests: under a minute, no Docker
	$(PY) -m pytest $(QUICK) -m "not server and not long" $(ARGS)

test: lint ## check, and every test but the long ones; ends with a table of the servers it ran against
	$(PY) -m pytest tests -m "not long" $(ARGS)

test-all: setup ## The long tests: faults, hostile programs in real sandboxes, browsers
	$(PY) -m pytest tests -m long $(ARGS)

demo: setup ## Edits a real clip in one process and prints where the result is
	$(PY) -m reel_cli.demo

up: setup ## Starts the five services as processes, on servers named by environment or found on this machine
	$(PY) -m reel_cli.cluster up

down: setup ## Stops what `make up` started
	$(PY) -m reel_cli.cluster down

bench: ## The figures of build/bench.json, beside those of others
	@python3 scripts/setup.py --group bench
	$(PY) -m tests.bench $(ARGS)
