# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without cryptography and PyYAML the rest of the library can be imported, and the first use says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TALOS = "ansible_collections.homelab.talos.plugins.module_utils.talos"
PATH = next(path for path in sys.path if path.endswith(".collections"))

SOURCE = """
import sys
sys.modules.update({{name: None for name in {absent}}})
sys.path.insert(0, {path!r})
from {package} import kubeconfig, libraries, pki, secrets_bundle, yaml_text
from {package}.machineconfig import definition, documents, inventory, masking, merge, render
try:
    {use}
except libraries.MissingLibrary as error:
    print(error.library, error)
"""


@pytest.mark.parametrize(
    ("use", "library"),
    [
        ("secrets_bundle.generate()", "cryptography"),
        ("pki.load_certificate(b'')", "cryptography"),
        ("pki.check_key(b'')", "cryptography"),
        ("documents.parse('a: 1')", "PyYAML"),
        ("documents.dump([{}])", "PyYAML"),
    ],
)
def test_what_is_missing_is_named(use: str, library: str) -> None:
    source = SOURCE.format(absent=["cryptography", "yaml"], path=PATH, package=TALOS, use=use)
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, cwd=Path("/"), timeout=60
    )
    assert ended.stderr == ""
    assert ended.stdout.startswith(f"{library} the Python library {library} is not installed for {sys.executable}")
