# make run    serve on http://127.0.0.1:8000 (PORT= another), the demo group loaded
# make test   the whole test suite; ARGS= goes to pytest
# make check  lint, types, import contracts, templates, catalogues
# make bench  the benchmarks, with their ratios against the floor
# make setup  only set up what run and test need
#
# messages    collect the texts of the code into the catalogues
# format      put Python files into the one layout
# lock        lock the packages anew (newest releases: ARGS=--upgrade)
# clean       remove what was made; keeps instance/, the data

PORT ?= 8000
ARGS ?=
export PORT
# Compiled files are kept where they belong: every process that starts would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
FLASK := $(BIN)/flask --app app
CAN_RUN := .venv/set-up-to-run
CAN_TEST := .venv/set-up-to-test
LOCKS := requirements.txt requirements-build.txt tools/setup.sh
CATALOGUES := $(wildcard fleet/translations/*/LC_MESSAGES/messages.po)
COMPILED := $(CATALOGUES:.po=.mo)

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench messages format lock clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(CAN_TEST) $(COMPILED)

$(CAN_RUN): $(LOCKS)
	@tools/setup.sh run

$(CAN_TEST): $(LOCKS) requirements-dev.txt
	@tools/setup.sh test

%.mo: %.po | $(CAN_RUN)
	@$(BIN)/pybabel -q compile -i $< -o $@

run: $(CAN_RUN) $(COMPILED)
	@$(FLASK) db upgrade
	@$(FLASK) demo --if-empty
	@$(FLASK) serve

test: setup
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

check: setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python tools/check_catalogues.py

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

messages: setup
	@mkdir -p fleet/translations
	$(BIN)/pybabel -q extract -F babel.cfg -k _l -k lazy_gettext -k lazy_ngettext:1,2 \
	  --no-location --sort-output --project=fleet \
	  --copyright-holder='the fleet insurance contributors' -o fleet/translations/messages.pot .
	for language in zh_Hans zh_Hant; do \
	  $(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --init-missing -w 100 \
	    -i fleet/translations/messages.pot -d fleet/translations -l $$language; \
	done

format: setup
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

lock: $(CAN_TEST)
	tools/lock.sh $(ARGS)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f $(COMPILED)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
