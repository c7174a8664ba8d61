# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the lab's pods: their names, and which programs are in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import libraries, lock
from ansible_collections.homelab.talos.lab.engine.images import write_image

_KUBERNETES = lock.pinned_version("kubernetes", "k8s.io/kubernetes")
_COREDNS = lock.pinned_version("coredns", "github.com/coredns/coredns")


@dataclass(frozen=True)
class PodImage:
    """An image with one program of the engine.

    Parameters: *program*, which is also the name of the archive; *reference* that pods use; *inside* path of the
    program in the image; *distribution* programs of this machine that it calls.
    """

    program: str
    reference: str
    inside: str
    distribution: tuple[str, ...] = ()


def _component(name: str, *distribution: str) -> PodImage:
    return PodImage(name, f"registry.k8s.io/{name}:{_KUBERNETES}", f"/usr/local/bin/{name}", distribution)


PAUSE = PodImage("pause", "registry.k8s.io/pause:3.10.1", "/pause")
API_SERVER = _component("kube-apiserver")
CONTROLLER_MANAGER = _component("kube-controller-manager")
SCHEDULER = _component("kube-scheduler")
PROXY = _component("kube-proxy", "nft")
COREDNS = PodImage("coredns", f"registry.k8s.io/coredns/coredns:{_COREDNS}", "/coredns")
#: Kubernetes' own test program, for pods that serve something. Its releases are numbered by its file VERSION.
AGNHOST = PodImage("agnhost", "registry.k8s.io/e2e-test-images/agnhost:2.59", "/agnhost")
#: Asks from within a pod; the lab's own.
PROBE = PodImage("probe", "homelab.talos.test/probe:v1", "/probe")

IMAGES: tuple[PodImage, ...] = (PAUSE, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, PROXY, COREDNS, AGNHOST, PROBE)
#: What only control planes run.
CONTROL_PLANE_IMAGES: tuple[PodImage, ...] = (API_SERVER, CONTROLLER_MANAGER, SCHEDULER)


def ensure_images(programs: Path, target: Path) -> None:
    """Write the archive of every image to the folder *target*; those newer than what they hold stay.

    *programs* holds the engine's programs. Raises :class:`LabError` for a library that is missing on this machine.
    """
    target.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        archive, files = target / f"{image.program}.tar", _files(image, programs)
        newest = max(path.stat().st_mtime for path in files.values())
        if not archive.exists() or archive.stat().st_mtime < newest:
            write_image(archive, image.reference, image.inside, files, lock.go_architecture())


def _files(image: PodImage, programs: Path) -> Mapping[str, Path]:
    files = {image.inside: programs / image.program}
    for name in image.distribution:
        files |= libraries.with_libraries(name, f"/usr/local/bin/{name}")
    return files
