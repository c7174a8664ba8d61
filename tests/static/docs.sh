#!/usr/bin/env bash
# antsibull-docs: documentation of every plugin and role, their markup and cross references.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export_directory=$(mktemp -d)
trap 'rm -rf "$export_directory"' EXIT
"$here/export.sh" "$export_directory"
cd "$export_directory/ansible_collections/homelab/talos"
antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck . "$@"
