#!/usr/bin/env bash
# yamllint on every YAML file (.yamllint).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec yamllint --strict "${@:-.}"
