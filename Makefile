# `make help` lists the chores.

SWIFT ?= swift
CONFIG ?= examples/cardume.yaml
FORMATTED := Sources Tests loadtest Package.swift Benchmarks/Benchmarks Benchmarks/Sources Benchmarks/Package.swift
RELEASE := $(SWIFT) build --configuration release

.PHONY: help setup setup-servers run demo test bench bench-smoke loadtest lint check-k8s format clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1|/' | column -t -s '|'

setup: ## Install what is missing to build (Debian/Ubuntu), or say what is
	@scripts/setup

setup-servers: ## The same for what tests and benchmarks start: Redis, PostgreSQL, PgBouncer, promtool, Chromium
	@scripts/setup test

run: setup ## Build and serve with CONFIG (examples/cardume.yaml)
	@echo "Building (the first time takes 5 to 10 minutes) ..."
	$(RELEASE) --product cardume
	.build/release/cardume run --config $(CONFIG)

demo: setup ## Everything at once with a fake model and gateway; ends by itself with a summary
	$(RELEASE) --product cardume
	.build/release/cardume demo

test: setup-servers ## All tests; they start the servers they need
	@SWIFT=$(SWIFT) scripts/test

BENCH := .build/release/cardume-bench

.PHONY: build-bench
build-bench: setup-servers
	$(RELEASE) --product cardume-bench
	$(RELEASE) --product cardume-ceiling

bench: build-bench ## What the engine costs, against plain loops over GRDB, hiredis and libpq (10 minutes)
	$(BENCH) embedded
	$(BENCH) engine
	$(BENCH) engine --journal postgres
	$(BENCH) engine --metrics
	$(BENCH) append

bench-smoke: build-bench ## A minute of it, for CI
	$(BENCH) embedded --messages 60000 --conversations 15000 --seconds 20 --minimum-ratio 0.35
	$(BENCH) engine --messages 60000 --runs 1 --minimum-ratio 0.1
	$(BENCH) engine --messages 30000 --runs 1 --journal postgres --minimum-ratio 0.1

loadtest: setup-servers ## The ramp to 250 messages/s, everything on this machine (12 minutes); report in loadtest-results/
	$(RELEASE) --product cardume
	$(RELEASE) --product cardume-loadtest
	.build/release/cardume-loadtest ramp --local

.PHONY: benchmarks instructions
benchmarks: ## What each machine costs in time: benchmark suites in a package of their own
	$(SWIFT) package --package-path Benchmarks benchmark

instructions: ## What each machine costs in instructions and allocations, held against thresholds (needs valgrind)
	@SWIFT=$(SWIFT) scripts/count-instructions

lint: ## Formatting, style and the house's rules
	$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)
	@scripts/check-layers

check-k8s: setup-servers ## Manifests, dashboards, alerts, images and their documents, held against the program; no cluster needed
	$(SWIFT) build --product cardume
	k8s/tests/check .build/debug/cardume

.PHONY: check-openapi
check-openapi: ## Call all of /admin with what its description allows and does not (a minute)
	$(SWIFT) build --product cardume
	@scripts/check-openapi

format: ## Format everything
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

clean: ## Remove what was built
	rm -rf .build Benchmarks/.build
