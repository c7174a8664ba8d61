# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every layout that CozyStack's build has had gets the verdict it deserves; the newest ones are supported."""

from __future__ import annotations

from typing import Any

import pytest

GOOD = ("supported", "supported with remarks")


@pytest.mark.layer("L1")
def test_every_shape_has_its_verdict(record: Any, wanted: Any) -> None:
    assert {tag: each["verdict"] for tag, each in record["tags"].items()} == {
        tag: each["verdict"] for tag, each in wanted["tags"].items()
    }


@pytest.mark.layer("L1")
def test_every_shape_has_its_generation(record: Any, wanted: Any) -> None:
    assert {tag: each["generation"] for tag, each in record["tags"].items()} == {
        tag: each["generation"] for tag, each in wanted["tags"].items()
    }


@pytest.mark.layer("L1")
def test_exactly_the_expected_checks_say_no(record: Any, wanted: Any) -> None:
    found = {
        tag: [check["id"] for check in each["checks"] if check["verdict"] in ("unsupported", "unknown")]
        for tag, each in record["tags"].items()
    }
    assert found == {tag: each.get("because", []) for tag, each in wanted["tags"].items()}


@pytest.mark.layer("L1")
def test_every_check_says_what_it_expected_and_found(record: Any) -> None:
    for tag, each in record["tags"].items():
        checks = {check["id"]: check for check in each["checks"]}
        assert set(checks) | set(each["not_checked"]) >= {f"C{number}" for number in range(1, 16)}, tag
        assert all(check["file"] and check["expected"] and check["found"] for check in checks.values()), tag


@pytest.mark.layer("L1")
def test_make_was_asked_everywhere(record: Any) -> None:
    """What make prints for each target is what was read, without make running anything else."""
    assert [tag for tag, each in record["tags"].items() if "probe" in each["not_checked"]] == []


@pytest.mark.layer("L2")
def test_many_refs_are_judged_one_by_one_and_progress_is_shown(record: Any, wanted: Any) -> None:
    assert record["range"].keys() == {*wanted["tags"], "main"}
    assert record["range"]["main"] == "supported"
    assert [line.partition("]")[0] for line in record["progress"]] == [
        f"[{number}/{len(record['range'])}" for number in range(1, len(record["range"]) + 1)
    ]


@pytest.mark.layer("L2")
def test_a_release_with_an_older_talos_is_reported(record: Any) -> None:
    assert [line.partition(" ")[0] for line in record["setbacks"]] == ["v1.3.0"]


@pytest.mark.layer("L2")
def test_bad_input_is_refused_in_one_line(record: Any, wanted: Any) -> None:
    assert record["refused"].keys() == wanted["refused"].keys()
    for case, text in wanted["refused"].items():
        assert text in record["refused"][case], case
        assert "\n" not in record["refused"][case]


@pytest.mark.layer("L3")
def test_pinned_and_newest_release_are_reported(record: Any) -> None:
    assert [(each["ref"], each["verdict"]) for each in record["report"]] == [
        ("v1.4.0", "supported"),
        ("v1.6.2", "supported"),
    ]


@pytest.mark.layer("L3")
def test_the_new_pin_is_proposed_with_its_verdict(record: Any) -> None:
    lines = record["proposal"].splitlines()
    assert lines[1] == "verdict: supported"
    assert "+++ b/plugins/module_utils/cozystack/pin.py" in lines
    assert f'+COMMIT = "{record["report"][-1]["commit"]}"' in lines


@pytest.mark.layer("L4")
def test_the_real_upstream_has_its_verdicts(record: Any, wanted: Any) -> None:
    if not record["real"]:
        pytest.skip("HOMELAB_COZYSTACK_CLONE names neither a clone of cozystack/cozystack nor its URL")
    assert {tag: record["real"].get(tag) for tag in wanted["real"]} == wanted["real"]
    assert [ref for ref, verdict in record["real"].items() if verdict == "needs review"] == []
    assert record["real"]["main"] in GOOD
