# shellcheck shell=bash
# Sourced: apt_install PACKAGE... installs with the rights at hand, or says which packages are missing and why it
# cannot install them.

apt_install() {
    local as_root=()
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: missing: $* (names of Debian packages); this machine has no apt-get, install them by hand" >&2
        return 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        elif command -v sudo >/dev/null 2>&1 && [[ -t 0 ]]; then
            as_root=(sudo)
        else
            echo "setup: missing: $*; not root and no sudo without a password: run 'apt-get install $*' as root" >&2
            return 1
        fi
    fi
    echo "setup: installing $*"
    local quiet=(-qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    local begin=$SECONDS
    # The lists of a fresh container are empty, those of an old machine name files that are gone.
    "${as_root[@]}" apt-get "${quiet[@]}" update </dev/null || echo "setup: apt-get update failed, trying with old lists" >&2
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y --no-install-recommends \
        "$@" </dev/null >/dev/null; then
        echo "setup: apt-get could not install: $*; the reason is above" >&2
        return 1
    fi
    echo "setup: installed $* in $((SECONDS - begin)) s"
}
