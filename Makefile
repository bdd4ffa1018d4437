# Needs Python 3.11+ with pip, and make. `make run` is all it takes; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
UP_OPTIONS = $(if $(PORT),--port $(PORT)) $(if $(BIND),--bind $(BIND))

# What the runs beside real servers cover, and further words for pytest: make test ARGS="-k flows".
SERVICES ?= postgres,redis,rabbitmq
SERVICES_MARKERS ?= services or (database and not (browser or proof or sweep))
ARGS ?=

# Most of a small proof is waiting; a full one is measured alone.
PROOF_WORKERS = $(if $(filter full,$(PROOF)),-n 0,-n 2 --dist worksteal)

# Compiled once, not by each of the hundreds of processes that the proofs start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-services test-browser proof bench lint schema lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: export DJANGO_SETTINGS_MODULE = chatboost.settings.dev
run: export COMPRESSION_DEMO_PICTURES ?= true
run: $(VENV)/.base ## install, prepare the demo and run everything; PORT=8000 BIND=127.0.0.1
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py seed_demo
	@exec $(BIN)/python manage.py up $(UP_OPTIONS)

test: $(VENV)/.dev ## the suite on SQLite: no server, no browser
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-services: $(VENV)/.dev ## the suite on PostgreSQL, Redis and RabbitMQ
	.ci/services.sh run --with $(SERVICES) -- $(BIN)/python -m pytest -n 2 -m "$(SERVICES_MARKERS)" $(ARGS)

test-browser: $(VENV)/.dev ## the console in Chromium
	$(BIN)/python -m pytest -m browser $(ARGS)

proof: export PROOF := $(PROOF)
proof: $(VENV)/.dev ## kills and races of real processes, most on SQLite and PostgreSQL; PROOF=full for the long run
	.ci/services.sh run --with postgres -- $(BIN)/python -m pytest $(PROOF_WORKERS) -m proof $(ARGS)

bench: $(VENV)-bench/.bench ## peers, floors and ours, side by side; ROWS=webhook,engine SECONDS_PER_ROUND=1
	.ci/services.sh run --with postgres,redis -- $(VENV)-bench/bin/python -m bench

lint: $(VENV)/.dev ## style, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

schema: $(VENV)/.base ## write the OpenAPI document down: docs/openapi.yaml
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

lock: ## resolve requirements/*.in into pinned, hashed *.txt (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	$(LOCK) requirements/base.in -o requirements/base.txt
	$(LOCK) --constraint requirements/base.txt requirements/s3.in -o requirements/s3.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/bench.in -o requirements/bench.txt

# The stamps are newer than their lock file: what is installed is what it says.
$(VENV)/.base: requirements/base.txt | $(BIN)/python
	@echo "Installing what the product needs (about a minute the first time)…"
	@$(PIP) -r requirements/base.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/base.txt | $(BIN)/python
	@echo "Installing what the product and its tests need (about two minutes the first time)…"
	@$(PIP) -r requirements/dev.txt
	@touch $@ $(VENV)/.base

# A place of its own: the product's stays free of its peers. XState needs Node, where there is one.
$(VENV)-bench/.bench: requirements/bench.txt bench/peers/package-lock.json
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r requirements/bench.txt
	@! command -v npm >/dev/null || npm ci --prefix bench/peers --no-audit --no-fund --loglevel=error
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "ChatBoost needs Python 3.11 or newer. Name one: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
