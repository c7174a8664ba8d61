# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without the third-party libraries everything can be imported, and the first use says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "ansible_collections.homelab.talos.plugins.module_utils.talos"
MODULES = ["api.messages", "channel", "client", "node_state", "parallel", "refusal", "talosconfig", "transport"]
PATH = next(path for path in sys.path if path.endswith(".collections"))

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, {path!r})
import importlib
for module in {modules}:
    importlib.import_module(f"{package}.{{module}}")
from {package} import client, libraries, parallel, talosconfig
from {package}.api import messages
async def ask():
    async with client.Client("127.0.0.1:1", insecure=True) as one:
        await one.unary("machine.MachineService/Version")
try:
    {use}
except libraries.MissingLibrary as error:
    print(error.library, error)
"""


@pytest.mark.parametrize(
    ("absent", "use", "library"),
    [
        (["google", "grpclib", "h2", "yaml", "cryptography"], 'messages.message("machine.Version")', "protobuf"),
        (["grpclib", "h2"], "parallel.run(ask())", "grpclib"),
        (["cryptography"], 'talosconfig.Credentials(b"", b"", b"").not_after', "cryptography"),
    ],
)
def test_what_is_missing_is_named(absent: list[str], use: str, library: str) -> None:
    source = WITHOUT.format(absent=absent, path=PATH, modules=MODULES, package=PACKAGE, use=use)
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, cwd=Path("/"), timeout=60
    )
    assert ended.stderr == ""
    assert ended.stdout.startswith(f"{library} the Python library {library} is not installed for {sys.executable}")
    assert f"remedy: {sys.executable} -m pip install {library}" in ended.stdout
