#!/usr/bin/env bash
# ansible-test sanity, all tests, on an export of this checkout. Arguments go to ansible-test, e.g. `--test pep8`.
#
# ansible-test keeps one environment per test in its home; that home is in the cache, so that later runs need no
# package index.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/homelab-talos/sanity
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
mkdir -p "$cache/.config/pip"

# It asks a fixed host for a script that installs pip into a new environment. The pip that Python brings along does.
python - "$cache" <<'PYTHON'
import pathlib, sys
from ansible_test._internal.host_configs import VirtualPythonConfig
from ansible_test._internal.python_requirements import get_venv_packages

version = get_venv_packages(VirtualPythonConfig(version="%d.%d" % sys.version_info[:2]))["pip"]
script = pathlib.Path(sys.argv[1], ".ansible/test/cache", "get_pip_%s.py" % version.replace(".", "_"))
script.parent.mkdir(parents=True, exist_ok=True)
script.write_text("import ensurepip\n\nensurepip.bootstrap()\n")
PYTHON

# It passes no PIP_* variable on: index, certificates and cache of the caller go into a file.
{
    echo "[global]"
    python -m pip config list | sed -n "s/^\(global\.\|:env:\.\)\([a-z-]*\)='\(.*\)'$/\2 = \3/p" | sort -u -t= -k1,1
    echo "cache-dir = $(python -m pip cache dir)"
} | awk -F' = ' '!seen[$1]++' >"$cache/.config/pip/pip.conf"

export_directory=$(mktemp -d)
trap 'rm -rf "$export_directory"' EXIT
"$here/export.sh" "$export_directory"
cd "$export_directory/ansible_collections/homelab/talos"
HOME=$cache XDG_CONFIG_HOME='' ansible-test sanity --local --python "$python" --color no "$@" </dev/null
