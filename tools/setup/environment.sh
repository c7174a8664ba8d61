#!/usr/bin/env bash
# Makes or refreshes .venv with the pinned packages of requirements-dev.txt. Does nothing when it is up to date.
#
#   PYTHON=/path/to/python tools/setup/environment.sh   take this interpreter (3.11 to 3.13)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/setup/apt.sh
. "$root/tools/setup/apt.sh"
cd "$root"

fits() { "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
makes_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

choose_python() { # prints the first interpreter that fits $1, a function
    local candidate
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 /usr/bin/python3}; do
        command -v "$candidate" >/dev/null 2>&1 && fits "$candidate" && "$1" "$candidate" && command -v "$candidate" && return
    done
    return 1
}

if ! python=$(choose_python makes_environments); then
    if python=$(choose_python true); then
        # Debian splits ensurepip off; the package is named after the minor version.
        apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    elif [[ -z ${PYTHON:-} ]] && ! command -v python3 >/dev/null 2>&1; then
        apt_install python3 python3-venv
    fi
    python=$(choose_python makes_environments) || {
        found=$(python3 --version 2>&1 || true)
        echo "setup: no Python 3.11 to 3.13 with venv (python3: ${found:-not found}; PYTHON=${PYTHON:-});" \
            "install one and name it: PYTHON=/path/to/python make setup" >&2
        exit 1
    }
fi

if [[ -n $(find "$root" -maxdepth 0 -perm -0002) ]]; then
    echo "setup: $root is writable by everybody: Ansible ignores ansible.cfg there; run: chmod o-w '$root'" >&2
    exit 1
fi

# An environment belongs to its place, its interpreter and its pins: any other one is made anew.
wanted=$(
    echo "$root"
    "$python" -c 'import sys; print(sys.version)'
    cat requirements.txt requirements-dev.txt
)
stamp=.venv/.homelab-talos
if [[ -f $stamp ]] && [[ $(<"$stamp") == "$wanted" ]] && .venv/bin/python -c 'import ansible' 2>/dev/null; then
    exit 0
fi

# What a link leads to belongs to another checkout: to make it anew would clear that one.
if [[ -L .venv ]]; then
    echo "setup: $root/.venv is a link to $(readlink .venv), made for other pins or another place;" \
        "remove the link to have an environment here: rm '$root/.venv'" >&2
    exit 1
fi

begin=$SECONDS
echo "setup: making .venv with $("$python" --version) ($python)"
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r requirements-dev.txt </dev/null || {
    echo "setup: pip could not install requirements-dev.txt; the reason is above (is a package index reachable?)" >&2
    exit 1
}
printf '%s\n' "$wanted" >"$stamp"
echo "setup: .venv ready in $((SECONDS - begin)) s"
