# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""spin_artifact: from a directory or a repository to a registry, and what is refused on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.modules import spin_artifact
from ansible_collections.homelab.talos.tests.support import wasm_files
from ansible_collections.homelab.talos.tests.support.oci_registry import PASSWORD, USER, OciRegistry, serve
from ansible_collections.homelab.talos.tests.support.spin_app import MANIFEST, write_app

COMMAND = 'command = "true"'
WRITER = f"{sys.executable} write.py"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    (tmp_path / "tls").mkdir()
    with serve(OciRegistry(), tmp_path / "tls") as running:
        yield running


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path / "app")


@pytest.fixture
def push(run_module: Any, registry: OciRegistry, app: Path) -> Any:
    def run(check_mode: bool = False, diff: bool = False, **params: Any) -> dict[str, Any]:
        given = {"image": f"{registry.host}/apps/nonce:1.0", "ca_file": str(registry.ca_file), **params}
        if "repository" not in given:
            given.setdefault("path", str(app))
        result: dict[str, Any] = run_module(spin_artifact, check_mode=check_mode, diff=diff, **given)
        return result

    return run


def needs_build(app: Path, command: str = WRITER) -> None:
    """Let the component be made by its build command."""
    (app / "target/nonce.wasm").unlink()
    (app / "write.py").write_text(
        f"from pathlib import Path\nPath('target/nonce.wasm').write_bytes({wasm_files.component()!r})\n"
    )
    (app / "spin.toml").write_text(MANIFEST.replace(COMMAND, f"command = '{command}'"))


def test_a_directory_is_published_once(push: Any, registry: OciRegistry) -> None:
    first = push(diff=True)
    assert (first["exit_status"], first["changed"], first["built"]) == (0, True, ["nonce"])
    assert first["image"] == f"{registry.host}/apps/nonce@{first['digest']}"
    assert first["application"] == {"name": "nonce", "version": "1.2.3"}
    assert (first["diff"]["before"], first["digest"] in first["diff"]["after"]) == ("", True)
    assert first["size"] > sum(layer["size"] for layer in first["layers"])
    uploads = registry.uploads()
    again = push()
    assert (again["changed"], again["digest"], registry.uploads()) == (False, first["digest"], uploads)


def test_check_mode_sends_nothing(push: Any, registry: OciRegistry) -> None:
    told = push(check_mode=True)
    assert told["changed"]
    assert (registry.blobs, registry.manifests) == ({}, {})
    done = push()
    assert done["digest"] == told["digest"]
    assert not push(check_mode=True)["changed"]


def test_a_change_of_one_file_is_another_digest(push: Any, app: Path) -> None:
    before = push()
    (app / "static/small.txt").write_text("changed")
    after = push(diff=True)
    assert after["changed"]
    assert before["digest"] in after["diff"]["before"]
    assert after["digest"] in after["diff"]["after"]


def test_a_component_is_built(push: Any, app: Path) -> None:
    needs_build(app)
    told = push(check_mode=True)
    assert (told["changed"], told["digest"], told["built"]) == (True, "", ["nonce"])
    assert not (app / "target/nonce.wasm").exists()
    assert push()["built"] == ["nonce"]
    assert push(build="missing")["built"] == []
    assert push(build="never")["built"] == []


def test_nothing_is_built_that_is_not_to_be(push: Any, app: Path) -> None:
    needs_build(app)
    result = push(build="never")
    assert result["exit_status"] == 1
    assert "target/nonce.wasm: does not exist; build the component first" in result["msg"]


def failing(code: str) -> str:
    return f'{sys.executable} -c "{code}"'


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (failing("import sys; print('one', flush=True); sys.exit('two')"), "failed with exit status 1: one | two"),
        ("cargo-of-nobody build", "cannot be started: No such file or directory; install cargo-of-nobody"),
        ("make && make install", "holds '&', which only a shell understands; write a list of plain commands"),
        ("cat $HOME/key", "holds '$', which only a shell understands"),
        ('make "unclosed', "cannot be read: No closing quotation"),
        ("A=1 make", "begins with 'A=1', which only a shell understands"),
    ],
)
def test_a_build_that_fails_changes_nothing(
    push: Any, app: Path, registry: OciRegistry, command: str, said: str
) -> None:
    needs_build(app)
    text = MANIFEST.replace(COMMAND, "command = '''" + command + "'''")
    (app / "spin.toml").write_text(text)
    result = push()
    assert result["exit_status"] == 1
    assert said in result["msg"]
    assert "component.nonce.build: command" in result["msg"]
    assert registry.requests == []


def test_a_shell_has_to_be_asked_for(push: Any, app: Path) -> None:
    needs_build(app, f"true && {WRITER}")
    assert "which only a shell understands" in push()["msg"]
    assert push(build_shell=True)["built"] == ["nonce"]


def test_a_build_that_hangs_is_ended_with_what_it_started(push: Any, app: Path, tmp_path: Path) -> None:
    marker = tmp_path / "child"
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        f"open({str(marker)!r}, 'w').write(str(child.pid))\n"
        "print('building', flush=True)\n"
        "child.wait()\n"
    )
    needs_build(app)
    (app / "write.py").write_text(code)
    # Long enough for two programs to start, also on a machine that has a lot to do.
    result = push(build_timeout=10)
    assert "took more than 10 s: building; raise build_timeout" in result["msg"]
    assert not is_running(int(marker.read_text()))


def is_running(pid: int) -> bool:
    """Tell whether a process still does something; a dead one may wait for its parent to notice."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_secrets_of_the_environment_do_not_reach_a_build(push: Any, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "do not tell")
    needs_build(app)
    (app / "write.py").write_text("import os, sys\nsys.exit(' '.join(sorted(os.environ)) + ' ' + os.environ['MODE'])\n")
    said = push(build_environment={"MODE": "lab", "NUMBER": 1})["msg"]
    assert "REGISTRY_TOKEN" not in said
    assert "HOME" in said
    assert " lab;" in said


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with the application in a subdirectory and a tag."""
    root = tmp_path / "repository"
    write_app(root / "apps/nonce")
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--force", "."],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=one"],
        ["tag", "v1.0"],
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": ""})
    return root


@pytest.mark.parametrize("ref", ["HEAD", "main", "v1.0", "commit"])
def test_an_application_from_git(push: Any, repository: Path, app: Path, ref: str) -> None:
    head = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    result = push(repository=str(repository), ref=commit if ref == "commit" else ref, subdirectory="apps/nonce")
    assert (result["exit_status"], result["commit"]) == (0, commit)
    assert result["digest"] == push(check_mode=True, path=str(app))["digest"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ref": "v9"}, "git fetch of v9: fatal: couldn't find remote ref v9; check its address, the ref"),
        ({"subdirectory": "none"}, "has no directory 'none' at HEAD"),
        ({"subdirectory": "../../.."}, "leads out of it"),
        ({"subdirectory": "apps"}, "apps: holds no spin.toml"),
        ({"ref": "--upload-pack=touch x"}, "the ref '--upload-pack=touch x' is none"),
    ],
)
def test_git_that_cannot_be_taken(push: Any, repository: Path, params: dict[str, str], said: str) -> None:
    result = push(repository=str(repository), **params)
    assert result["exit_status"] == 1
    assert said in result["msg"]
    assert "spin-source-" not in result["msg"], "names a place that is gone"


def test_a_repository_that_is_away(push: Any, tmp_path: Path) -> None:
    assert "does not appear to be a git repository" in push(repository=str(tmp_path / "none"))["msg"]
    said = push(repository="ext::sh -c true")["msg"]
    assert "not allowed" in said


def test_a_component_of_a_repository_does_not_come_from_the_machine(
    push: Any, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.wasm").write_bytes(wasm_files.component())
    text = MANIFEST.replace("target/nonce.wasm", str(tmp_path / "other.wasm"))
    (repository / "apps/nonce/spin.toml").write_text(text)
    commit = ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--all", "--message=two"]
    subprocess.run(["git", "-C", str(repository), *commit], check=True)
    result = push(repository=str(repository), subdirectory="apps/nonce")
    assert "lies outside of the repository" in result["msg"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"image": "nonce:1.0"}, "image 'nonce:1.0': names no registry; write it like registry.lab:5000"),
        ({"ca_file": "none.crt"}, "none.crt: cannot be read: No such file or directory"),
        ({"path": "nowhere"}, "does not exist; name the directory of a Spin application"),
    ],
)
def test_bad_input_is_one_line(push: Any, registry: OciRegistry, params: dict[str, str], said: str) -> None:
    result = push(**params)
    assert (result["exit_status"], said in result["msg"]) == (1, True), result["msg"]
    assert registry.requests == []


def test_a_password_is_never_shown(run_module: Any, app: Path, tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    with serve(OciRegistry(login="basic"), tmp_path / "tls") as served:
        given = {"path": str(app), "image": f"{served.host}/nonce:1", "ca_file": str(served.ca_file), "username": USER}
        good = run_module(spin_artifact, password=PASSWORD, diff=True, **given)
        bad = run_module(spin_artifact, password="wrong-password", **given)
    assert (good["exit_status"], bad["exit_status"]) == (0, 1)
    assert PASSWORD not in str(good)
    assert "wrong-password" not in str(bad)
    assert "does not accept the user name and password" in bad["msg"]


def test_one_source_only(run_module: Any) -> None:
    assert "mutually exclusive" in run_module(spin_artifact, path="a", repository="b", image="c")["msg"]
    assert "one of the following is required" in run_module(spin_artifact, image="c")["msg"]
