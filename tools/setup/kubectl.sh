#!/usr/bin/env bash
# Put the engine's kubectl, which has the version of the lab's clusters, into .venv/bin.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=$("$root/tools/lab" engine ensure --json | "$root/tools/run" python -c 'import json, sys; print(json.load(sys.stdin)["directory"])')
ln -sfn "$programs/kubectl" "$root/.venv/bin/kubectl"
