#!/usr/bin/env bash
# mypy on plugins, lab, tools and tests (pyproject.toml). Run from .collections, where the collection has its name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.collections"
collection=ansible_collections.homelab.talos
exec mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache \
    -p $collection.plugins -p $collection.lab -p $collection.tools -p $collection.tests "$@"
