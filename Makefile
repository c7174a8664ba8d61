# The commands of this repository. Each works as the first command on a bare machine: it gets what is missing (as root,
# or with sudo), or says at once what it lacks. `make` alone lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help environment engine setup mixed-role validate test test-all planted bench upstream \
        static unit format sanity yamllint ruff mypy ansible-lint docs changelog build clean

RUN := tools/run
# A clone of CozyStack with all tags, or its URL, for `make upstream`.
UPSTREAM ?= https://github.com/cozystack/cozystack.git
STAGES := $(RUN) python tools/stages.py

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: # .venv and the distribution's packages
	@tools/setup/packages.sh
	@tools/setup/environment.sh

engine: environment ## get the real programs that the lab runs (build or download; minutes when the cache is cold)
	@$(RUN) tools/lab engine ensure
	@tools/setup/kubectl.sh

setup: environment engine ## everything that `molecule test -s mixed-role` and `ansible-playbook` need

mixed-role: setup ## the main job: form and verify a mixed-role cluster in the emulated lab
	@$(STAGES) scenario:mixed-role

validate: setup ## ansible-playbook playbooks/validate.yml -i homelab
	@$(RUN) ansible-playbook playbooks/validate.yml -i homelab

test: environment ## what CI runs: static checks, unit tests, Talos' own modules, lab, bad input, mixed-role, validate, self-test
	@$(STAGES) test

test-all: environment ## `make test` and every other scenario
	@$(STAGES) test-all

planted: setup ## break the lab on purpose: exactly the named checks must fail
	@$(STAGES) planted

bench: setup ## seconds and memory of contract, engine, lab and validation, as JSON in build/bench.json
	@$(RUN) python tools/bench.py

upstream: environment ## judge the pinned and the newest release of CozyStack, propose the new pin
	@$(RUN) ansible-playbook playbooks/upstream.yml -e upstream_repository=$(UPSTREAM)

static: environment ## every static check
	@$(STAGES) static

unit: environment ## unit and property tests
	@$(RUN) pytest tests/unit

format: environment ## let ruff repair and format the Python files
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

yamllint ruff mypy ansible-lint docs changelog: environment
	@$(RUN) tests/static/$(subst -,_,$@).sh

sanity: environment
	@$(RUN) tests/static/ansible_test_sanity.sh

build: environment ## the tarball, in build/
	@$(RUN) ansible-galaxy collection build --force --output-path build

clean: ## remove environment, caches and results (labs and cluster secrets in .ansible stay)
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
