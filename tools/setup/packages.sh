#!/usr/bin/env bash
# Installs the distribution packages of meta/ee-bindep.txt whose programs are missing here.
#
#   tools/setup/packages.sh           install what is missing
#   tools/setup/packages.sh --check   only name what is missing; status 1 when something is
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/setup/apt.sh
. "$root/tools/setup/apt.sh"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

provided() { # "runc" or "/one/file|/other/file"
    local candidate
    IFS='|' read -ra candidates <<<"$1"
    for candidate in "${candidates[@]}"; do
        if [[ $candidate == /* ]]; then
            [[ -e $candidate ]] && return 0
        elif command -v "$candidate" >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

missing=()
while read -r package _ _ word provides; do
    [[ -z $package || $package == \#* ]] && continue
    if [[ $word != provides || -z $provides ]]; then
        echo "packages: meta/ee-bindep.txt: line of $package does not end in '# provides PROGRAM'" >&2
        exit 2
    fi
    provided "$provides" || missing+=("$package")
done <"$root/meta/ee-bindep.txt"

((${#missing[@]})) || exit 0
if [[ ${1:-} == --check ]]; then
    echo "packages: missing on this machine: ${missing[*]}; install them, or run 'make setup' as root" >&2
    exit 1
fi
apt_install "${missing[@]}"
