# What one can do here: `make help`. Needs Debian 12 or similar, Python 3.11 and make; the rest is installed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY := .venv/bin/python
FLASK := .venv/bin/flask
CATALOGUES := $(wildcard translations/*/LC_MESSAGES/*.po)
PAGES := $(shell find app/templates app/pages -name '*.html' -o -name '*.py')
DONE := .venv/.done

.PHONY: help setup run test test-full check seed docs bench lock

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(DONE)/python $(DONE)/front $(DONE)/words  ## install everything; quick the second time
	@$(PY) -m tools.first_settings

run: setup  ## the platform on http://127.0.0.1:8000, with the demo when the database is empty; EU_LOGIN=demo: with an EU Login
	@$(FLASK) prepare
	@exec $(PY) run.py

test: setup $(DONE)/tests  ## all tests but the long ones
	$(PY) -m pytest -n 2 $(ARGS)

test-full: setup $(DONE)/tests  ## all tests, the long ones too
	$(PY) -m pytest -n 2 --long $(ARGS)

check: setup $(DONE)/tests  ## style, types, floors, templates, the house's book
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/djlint app/templates --lint --quiet
	$(FLASK) house --check

seed: setup  ## the demo's people and patients, into an empty database
	@$(FLASK) prepare --no-demo
	@$(FLASK) seed --demo

docs: setup  ## docs/house.md from the maps
	$(FLASK) house

bench: setup $(DONE)/tests  ## the benchmarks; the table is docs/benchmarks.md
	$(PY) -m tests.bench

lock:  ## requirements*.txt and package-lock.json anew, with hashes and without addresses
	tools/lock.sh

# --- what is installed: each step has a stamp, so that the second time is quick ---

$(DONE)/python: requirements.txt tools/install.sh
	@tools/install.sh run
	@tools/install.sh packages requirements.txt
	@mkdir -p $(DONE) && touch $@

$(DONE)/bundles: package-lock.json tools/install.sh | $(DONE)/python
	@tools/install.sh bundles
	@touch $@

$(DONE)/front: $(DONE)/bundles tools/build_front.py tools/fetch_fonts.py app/consent_templates/fonts.toml app/views.py $(PAGES)
	@$(PY) tools/fetch_fonts.py
	@$(PY) tools/build_front.py
	@touch $@

$(DONE)/words: $(CATALOGUES) | $(DONE)/python
	@if [ -n "$(CATALOGUES)" ]; then .venv/bin/pybabel -q compile -f -d translations; fi
	@touch $@

$(DONE)/tests: requirements-dev.txt | $(DONE)/python
	@tools/install.sh tests
	@tools/install.sh packages requirements-dev.txt
	@touch $@
