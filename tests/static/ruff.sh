#!/usr/bin/env bash
# ruff: rules and formatting of every Python file (pyproject.toml). `make format` repairs most of what it finds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ruff check "$@"
ruff format --check "$@"
