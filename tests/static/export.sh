#!/usr/bin/env bash
# tests/static/export.sh DIRECTORY: writes the collection as it would be committed now (changed and new files included,
# ignored files and the links to directories not) to DIRECTORY/ansible_collections/homelab/talos.
#
# ansible-test and antsibull-docs take the real working directory, so they need one of that name.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${1:?directory}/ansible_collections/homelab/talos
cd "$root"
if ! git rev-parse --git-dir >/dev/null; then
    echo "export: $root is no git checkout: git says which files belong to the collection" >&2
    exit 1
fi
# An index of our own: what is staged here stays as it is.
index=$(mktemp -u)
trap 'rm -f "$index"' EXIT
GIT_INDEX_FILE=$index git read-tree HEAD
GIT_INDEX_FILE=$index git add --all
tree=$(GIT_INDEX_FILE=$index git write-tree)
mkdir -p "$target"
git archive --worktree-attributes "$tree" | tar -x -C "$target"
