#!/usr/bin/env bash
# ansible-lint, profile production (.ansible-lint). Arguments go to ansible-lint.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec ansible-lint --strict --nocolor "$@"
