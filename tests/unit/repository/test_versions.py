# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A version is pinned at one place; every other mention agrees with it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from ansible_collections.homelab.talos.lab.engine import lock
from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin, pin_change
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DEFAULT_TALOS_VERSION
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import LINES, TalosLine
from ansible_collections.homelab.talos.tests.support.talosctl import pinned as pinned_talosctl
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, below, load_yaml, name


def requirements(text: str) -> dict[str, Requirement]:
    """Return the requirements of a pip requirements file by their lower-case names."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {requirement.name.lower(): requirement for requirement in found}


def pins(path: str) -> dict[str, str]:
    """Return the exact version of each requirement of a file below the root."""
    found = {}
    for package, requirement in requirements((ROOT / path).read_text()).items():
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{path}: {requirement} is not pinned"
        found[package] = specifier.version
    return found


RUNTIME = pins("requirements.txt")
DEVELOPMENT = pins("requirements-dev.txt")


def section(page: str, heading: str) -> str:
    """Return the text below a second-level heading of a Markdown page, up to the next one."""
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table_problems(table: str, pinned: dict[str, str]) -> list[str]:
    """Return the rows ``| package | version |`` of a Markdown table that differ from the pins, and the missing ones."""
    cells = re.findall(r"^\| `([\w.-]+)` \| ([\w.]+) \|", table, re.MULTILINE)
    rows = {package.lower(): version for package, version in cells}
    problems = [f"{package} is not in the table" for package in pinned if package not in rows]
    for package, version in rows.items():
        if package in pinned and pinned[package] != version:
            problems.append(f"{package}: the table says {version}, the pin {pinned[package]}")
        elif package not in pinned:
            problems.append(f"{package} is in the table and not pinned")
    return problems


PAGE = (ROOT / "docs/reference/versions.md").read_text()


def test_the_documented_versions_are_the_pinned_ones() -> None:
    assert table_problems(section(PAGE, "Python packages"), RUNTIME) == []


def test_the_documented_programs_are_the_pinned_ones() -> None:
    every = (*lock.PROGRAMS, *lock.OPTIONAL_PROGRAMS)
    programs = {program.name: program.version for program in every if program.version}
    assert table_problems(section(PAGE, "Programs of the lab"), programs) == []


def test_the_documented_talosctl_is_the_pinned_one() -> None:
    assert f"the `talosctl` of {pinned_talosctl()[0]}," in section(PAGE, "Programs of the lab")


def test_a_differing_table_is_seen() -> None:
    table = "| `molecule` | 25.1 |\n| `nothing` | 1 |\n"
    assert table_problems(table, {"molecule": "26.1", "pytest": "9"}) == [
        "pytest is not in the table",
        "molecule: the table says 25.1, the pin 26.1",
        "nothing is in the table and not pinned",
    ]


def test_talos_and_kubernetes_are_those_of_the_shipped_inventory() -> None:
    kubernetes = load_yaml(ROOT / "inventories/homelab/group_vars/all.yml")["talos_cluster"]["kubernetes_version"]
    table = section(PAGE, "Talos and Kubernetes")
    assert f"| Talos version of the shipped inventories | {DEFAULT_TALOS_VERSION} |" in table
    assert f"| Kubernetes version of the shipped inventories | {kubernetes} |" in table
    assert f"Talos {DEFAULT_TALOS_VERSION} with Kubernetes {kubernetes}" in (ROOT / "README.md").read_text()


def line_row(line: TalosLine, tested: str) -> str:
    """Return the row of the page for a line of Talos."""
    oldest, newest = (".".join(map(str, minor)) for minor in line.kubernetes)
    minor = ".".join(map(str, line.minor))
    return f"| v{minor} | {line.newest} | v{oldest} to v{newest} | {line.default_kubernetes} | {tested} |"


def scenario_lines() -> set[str]:
    """Return the lines of Talos that inventories and scenarios run."""
    found = {DEFAULT_TALOS_VERSION}
    for path in below("inventories", "molecule", suffix=".yml"):
        content = load_yaml(path)
        cluster = content.get("talos_cluster") if isinstance(content, dict) else None
        if isinstance(cluster, dict):
            found.add(cluster.get("talos_version", DEFAULT_TALOS_VERSION))
    return {version.rpartition(".")[0] for version in found}


def wrong_line_rows(table: str, run: set[str]) -> set[str]:
    """Return the rows of a table of lines that are wrong, and those that are missing.

    ``run`` holds the lines that scenarios run.
    """
    expected = set()
    for minor, line in LINES.items():
        tested = "unit tests, scenarios" if "v{}.{}".format(*minor) in run else "unit tests"
        expected.add(line_row(line, tested))
    return expected ^ set(re.findall(r"^\| v\d+\.\d+ \|.*$", table, re.MULTILINE))


def test_every_line_of_talos_that_is_accepted_is_documented_with_what_tests_it() -> None:
    assert wrong_line_rows(section(PAGE, "Talos and Kubernetes"), scenario_lines()) == set()


def test_a_line_that_is_said_to_be_tested_and_is_not_is_seen() -> None:
    assert len(wrong_line_rows(section(PAGE, "Talos and Kubernetes"), {"v1.12", "v1.13"})) == 2


def test_the_lab_runs_the_kubernetes_of_the_shipped_inventory() -> None:
    cluster = load_yaml(ROOT / "inventories/homelab/group_vars/all.yml")["talos_cluster"]
    kubernetes = {program.version for program in lock.PROGRAMS if program.module == "kubernetes"}
    assert kubernetes == {cluster["kubernetes_version"]}


def test_the_kubernetes_client_is_of_the_line_that_the_lab_runs() -> None:
    (minor,) = {program.version.split(".")[1] for program in lock.PROGRAMS if program.module == "kubernetes"}
    assert RUNTIME["kubernetes"].split(".")[0] == minor


def test_readme_names_the_line_of_ansible_that_is_pinned() -> None:
    line = ".".join(RUNTIME["ansible-core"].split(".")[:2])
    assert f"ansible-core {line} on Python 3.11" in (ROOT / "README.md").read_text()


def test_no_pin_is_repeated() -> None:
    assert set(RUNTIME) & set(DEVELOPMENT) == set()
    assert (ROOT / "requirements-dev.txt").read_text().count("-r requirements.txt") == 1


def test_execution_environments_get_what_is_tested() -> None:
    environment = requirements((ROOT / "meta/ee-requirements.txt").read_text())
    for package, requirement in environment.items():
        assert package in RUNTIME, f"{package} is not in requirements.txt"
        assert str(requirement.specifier) == f">={RUNTIME[package]}", package


def test_pytest_ansible_is_nowhere() -> None:
    """Its option --ansible-inventory collides with testinfra's and every start of pytest dies."""
    assert not {"pytest-ansible", "tox-ansible", "ansible-dev-tools"} & (set(RUNTIME) | set(DEVELOPMENT))


def third_party(source: str) -> set[str]:
    """Return the names of the top-level packages that Python source imports from outside the standard library."""
    found = re.findall(r"^\s*(?:from|import) ([a-z_]\w*)", source, re.MULTILINE)
    return {package for package in found if package not in sys.stdlib_module_names}


# Import name: package. Those without an entry have the name of their package.
PACKAGES = {
    "yaml": "pyyaml",
    "google": "protobuf",
    "testinfra": "pytest-testinfra",
    "ansible": "ansible-core",
    # what grpclib itself is built on, and hands out
    "h2": "grpclib",
    "multidict": "grpclib",
    # and the Kubernetes client
    "urllib3": "kubernetes",
}
IGNORED = {"ansible_collections", "__future__"}


@pytest.mark.parametrize("path", sorted(below("plugins", "lab", suffix=".py")), ids=name)
def test_what_the_code_imports_is_pinned(path: Path) -> None:
    for package in third_party(path.read_text()) - IGNORED:
        assert PACKAGES.get(package, package) in RUNTIME, f"{package} is not in requirements.txt"


def newest_release(changelog: dict[str, dict[str, object]]) -> Version:
    """Return the highest released version of changelogs/changelog.yaml."""
    return max(map(Version, changelog.get("releases") or {}), default=Version("0"))


def test_the_version_of_the_collection_is_not_older_than_the_last_release() -> None:
    version = Version(load_yaml(ROOT / "galaxy.yml")["version"])
    newest = newest_release(load_yaml(ROOT / "changelogs/changelog.yaml"))
    fragments = list((ROOT / "changelogs/fragments").glob("*.yml"))
    assert version > newest if fragments else version >= newest


BINDEP = re.compile(r"([a-z0-9.+-]+) \[platform:dpkg\]  # provides (\S+)")


def system_packages() -> dict[str, set[str]]:
    """Return the distribution's packages and what each provides: programs or absolute paths."""
    lines = (ROOT / "meta/ee-bindep.txt").read_text().splitlines()
    matches = [BINDEP.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert all(matches), "a line does not end in '# provides PROGRAM'"
    return {match[1]: set(match[2].split("|")) for match in matches if match}


def test_setup_installs_what_the_lab_takes_from_the_distribution() -> None:
    assert set(system_packages()) >= {*lock.DISTRIBUTION_PROGRAMS.values(), lock.CNI_PACKAGE}


def test_setup_and_the_lab_look_for_cni_plugins_in_the_same_places() -> None:
    expected = {str(folder / lock.CNI_PLUGINS[0]) for folder in lock.CNI_PLUGIN_FOLDERS}
    assert system_packages()[lock.CNI_PACKAGE] == expected


def test_the_library_is_typed_for_the_oldest_python_that_is_supported() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    assert 'target-version = "py311"' in settings
    assert 'python_version = "3.11"' in settings
    assert load_yaml(ROOT / "tests/config.yml")["modules"]["python_requires"] == "controller"


def test_the_pinned_cozystack_is_on_the_page() -> None:
    page = " ".join((ROOT / "docs/reference/versions.md").read_text().split())
    assert f"CozyStack {pin.REF} (commit {pin.COMMIT[:12]}), which builds Talos {pin.TALOS_VERSION}," in page


def test_the_pin_can_be_changed_by_its_patch() -> None:
    assert (ROOT / pin_change.PATH).read_text() == pin_change.current().text
    assert re.fullmatch(r"[0-9a-f]{40}", pin.COMMIT)
