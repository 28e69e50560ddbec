# Every target is explained by the text after its name; `make help` prints them.
PYTHON ?= python3
RUN = PYTHONPATH=. .venv/bin/python -m
READY = .venv/.runtime
TOOLS = .venv/.tools

.DEFAULT_GOAL := help
.PHONY: help demo up test fuzz check requirements bench schemas

help: ## Print the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/\1|\2/p' Makefile | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'

demo: $(READY) ## Run everything on this machine with example data (PORT=8080)
	@$(RUN) apps.cli.main demo $(if $(PORT),--port $(PORT))

up: $(READY) ## Run everything on this machine, empty (PORT=8080)
	@$(RUN) apps.cli.main up $(if $(PORT),--port $(PORT))

test: $(TOOLS) ## Run all tests, WORKERS at once (4); finds PostgreSQL and RabbitMQ by itself
	@PYTHONHASHSEED=0 $(RUN) pytest -n $(or $(WORKERS),4) --dist loadfile

fuzz: $(TOOLS) ## Ask the API at random, long (TIMES=500 requests per operation)
	@SUHDE_FUZZ=$(or $(TIMES),500) $(RUN) pytest tests/integration/openapi

check: $(TOOLS) ## Check format, lint, types and import contracts
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@PYTHONPATH=. .venv/bin/lint-imports

requirements: $(TOOLS) ## Print which tests prove which requirement, and what has none
	@$(RUN) tests.requirements_report

bench: $(TOOLS) ## Measure the speed
	@$(RUN) bench

schemas: $(READY) ## Write JSON schemas and AsyncAPI of all events, OpenAPI of all services
	@$(RUN) apps.cli.main schemas

$(READY): requirements.lock
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $(READY)

$(TOOLS): requirements-dev.lock $(READY)
	.venv/bin/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $(TOOLS)
