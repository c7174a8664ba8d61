# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime handler ``spin`` of a node's containerd, which the extension of that name brings.

The extension has the shim of Spin; the lab has runc and a host of its own in its place, see the table of
substitutions. Source: siderolabs/extensions:container-runtime/spin/10-spin.part.
"""

from __future__ import annotations

import shlex

from ansible_collections.homelab.talos.lab.spin.places import LIBRARY_PATH, python_command

EXTENSION = "spin"
RUNTIME_FILE = "/etc/cri/spin-runtime"
_TABLE = 'plugins."io.containerd.cri.v1.runtime".containerd.runtimes.spin'
CONTAINERD_PART = f"""
[{_TABLE}]
  runtime_type = "io.containerd.runc.v2"
  [{_TABLE}.options]
    BinaryName = "{RUNTIME_FILE}"
    SystemdCgroup = false
"""


def runtime_program() -> str:
    """Return the script that containerd calls as its OCI runtime: runc, but for the creation of a container."""
    prepare = f"exec env {LIBRARY_PATH} {shlex.join(python_command('runtime.main'))}"
    return f"""#!/bin/sh
case " $* " in *" create "*) {prepare} "$@";; esac
exec runc "$@"
"""
