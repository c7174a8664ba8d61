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
# An index and an object store of our own: what is staged here stays as it is, and nothing is left behind.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
GIT_ALTERNATE_OBJECT_DIRECTORIES=$(git rev-parse --path-format=absolute --git-path objects)
export GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_INDEX_FILE=$scratch/index GIT_OBJECT_DIRECTORY=$scratch/objects
mkdir -p "$GIT_OBJECT_DIRECTORY" "$target"
git read-tree HEAD
git add --all
git archive --worktree-attributes "$(git write-tree)" | tar -x -C "$target"
