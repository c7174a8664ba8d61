# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of configuration keys is made from the schemas of several Talos lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.tools import generate_talos_schema

OLD: dict[str, Any] = {
    "oneOf": [{"$ref": "#/$defs/net.LinkV1"}, {"$ref": "#/$defs/Config"}],
    "$defs": {
        "Config": {"properties": {"version": {"enum": ["v1alpha1"]}, "net": {"$ref": "#/$defs/net.Old"}}},
        "net.Old": {"properties": {"ca": {"type": "object", "properties": {"crt": {"type": "string"}}}}},
        "net.LinkV1": {
            "required": ["apiVersion", "kind", "name", "mtu"],
            "properties": {
                "apiVersion": {"enum": ["v1alpha1"]},
                "kind": {"enum": ["Link"]},
                "name": {"type": "string"},
                "mtu": {"type": "integer"},
                "args": {"type": "object", "patternProperties": {".*": {"type": "string"}}},
            },
        },
    },
}
NEW: dict[str, Any] = {
    "oneOf": [{"$ref": "#/$defs/net.LinkV1"}, {"$ref": "#/$defs/net.TapV1"}, {"$ref": "#/$defs/Config"}],
    "$defs": {
        "Config": {"properties": {"version": {"enum": ["v1alpha1"]}}},
        "net.LinkV1": {
            "required": ["apiVersion", "kind", "name"],
            "properties": {
                "apiVersion": {"enum": ["v1alpha1"]},
                "kind": {"enum": ["Link"]},
                "name": {"type": "string"},
                "args": {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "array"}]}},
                "up": {"enum": [False, True]},
                "addresses": {"type": "array", "items": {"type": "string"}},
            },
        },
        "net.TapV1": {
            "properties": {"kind": {"enum": ["Tap"]}, "free": {"type": "object"}, "mode": {"enum": ["a", "b"]}}
        },
    },
}

EXPECTED = """
Config
 version (v1alpha1)
 net net.Old
net.LinkV1 Link
 name! string
 mtu integer
 args {argument}
 up boolean 1.2
 addresses [string] 1.2
net.Old
 ca net.Old.ca
net.Old.ca
 crt string
net.TapV1 Tap 1.2
 free {any} 1.2
 mode (a|b) 1.2
"""


def test_the_table_is_the_union_of_all_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.json").write_text(json.dumps(OLD), encoding="utf-8")
    (tmp_path / "new.json").write_text(json.dumps(NEW), encoding="utf-8")
    generate_talos_schema.main([f"1.1={tmp_path / 'old.json'}", f"1.2={tmp_path / 'new.json'}"])
    written: dict[str, Any] = {}
    exec(compile(capsys.readouterr().out, "schema_table.py", "exec"), written)  # the tool writes a module
    assert written["OLDEST"] == "1.1"
    assert written["TABLE"] == EXPECTED
