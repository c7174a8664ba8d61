# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a container engine that has Talos' imager: a test double, which says so wherever it is asked.

It understands the command line of CozyStack's recipe and the profile on its standard input, and writes files with the
structure of the real ones (see bootable_media.py) in which nothing runs. Labels ask it to misbehave:

``--label stand-in.record=FILE``      append a line per run: kind and file;
``--label stand-in.fault=KIND:FAULT`` fail in a certain way when that kind is built: ``exit``, ``full``, ``cut``,
``nothing``, ``amd64-kernel``, ``extra``, ``link`` (to a file of the host) or ``wait=FILE`` (until that file is gone).
"""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

# Called as a program, from wherever make runs.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))
from ansible_collections.homelab.talos.tests.support import bootable_media as media

VERSION = "0.0.0-stand-in"
NAME = "homelab.talos stand-in for the imager: nothing in its files runs"
# From this minor version on, the kernel of arm64 is an EFI zboot image and the initramfs is compressed with zstd.
ZBOOT_SINCE = (1, 8)
KEYS = {"arch", "platform", "secureboot", "version", "customization", "input", "overlay", "output"}
INPUTS = {"kernel", "initramfs", "baseInstaller", "systemExtensions"}
WAIT_SECONDS = 60.0


class Refused(Exception):
    """The real program would refuse this."""


def read_profile(text: str) -> dict[str, Any]:
    """Return a profile that the imager would accept.

    Source: siderolabs/talos:pkg/imager/profile/profile.go.
    """
    profile = yaml.safe_load(text)
    if not isinstance(profile, dict):
        raise Refused("profile is empty")
    unknown = (set(profile) - KEYS) | (set(profile.get("input") or {}) - INPUTS)
    if unknown:
        raise Refused(f"unknown field in the profile: {', '.join(sorted(unknown))}")
    if profile.get("arch") not in media.PE_MACHINES:
        raise Refused(f"invalid architecture {profile.get('arch')!r}")
    arguments = (profile.get("customization") or {}).get("extraKernelArgs")
    if arguments and profile["output"]["kind"] in ("kernel", "initramfs"):
        raise Refused(f"customization of kernel args is not supported for {profile['output']['kind']} output kind")
    return profile


def references(profile: dict[str, Any]) -> list[str]:
    """Return the references of the system extensions."""
    found = [entry["imageRef"] for entry in profile["input"].get("systemExtensions") or []]
    for reference in found:
        if not reference.startswith("ghcr.io/") or ":" not in reference.partition("/")[2]:
            raise Refused(f"error pulling {reference}: not a reference")
    return found


def kernel_architecture(profile: dict[str, Any]) -> str:
    """Return what the path of the kernel names: the imager takes that kernel, whatever ``arch`` says."""
    path = ((profile["input"].get("kernel") or {}).get("path")) or f"/usr/install/{profile['arch']}/vmlinuz"
    return next(arch for arch in media.PE_MACHINES if f"/{arch}/" in path)


def minor_version(profile: dict[str, Any]) -> tuple[int, int]:
    """Return ``(1, 13)`` for ``version: v1.13.6``."""
    major, minor = str(profile["version"]).lstrip("v").split(".")[:2]
    return int(major), int(minor)


def kernel(profile: dict[str, Any]) -> bytes:
    """Return the kernel that the profile's path names."""
    architecture = kernel_architecture(profile)
    if architecture == "amd64" or minor_version(profile) >= ZBOOT_SINCE:
        return media.kernel(architecture)
    header = media.pe_header(architecture)
    header[0x38:0x3C] = b"ARM\x64"
    return bytes(header)


def initramfs(profile: dict[str, Any]) -> bytes:
    """Return an initramfs with the extensions of the profile."""
    extensions = {}
    for reference in references(profile):
        repository, _separator, tag = reference.partition("@")[0].rpartition(":")
        extensions[repository.rpartition("/")[2]] = tag
    form = "zstd" if minor_version(profile) >= ZBOOT_SINCE else "xz"
    return media.initramfs(profile["arch"], extensions, form=form)


def produce(profile: dict[str, Any]) -> tuple[str, bytes]:
    """Return name and content of the file that a profile asks for."""
    arch, platform, output = profile["arch"], profile["platform"], profile["output"]

    def partition() -> bytes:
        return media.boot_partition(arch, media.uki(kernel(profile), initramfs(profile), arch))

    def installer() -> bytes:
        return media.installer(arch, {"vmlinuz": kernel(profile), "initramfs.xz": initramfs(profile)})

    makers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "kernel": (f"kernel-{arch}", lambda: kernel(profile)),
        "initramfs": (f"initramfs-{platform}-{arch}.xz", lambda: initramfs(profile)),
        "iso": (f"{platform}-{arch}.iso", lambda: media.iso(partition())),
        "installer": (f"installer-{arch}.tar", installer),
        "image": (f"{platform}-{arch}.raw.xz", lambda: lzma.compress(media.disk(partition()), preset=0)),
    }
    if output["kind"] not in makers:
        raise Refused(f"unknown output kind {output['kind']!r}")
    if (output["kind"] == "image") != (output["outFormat"] == ".xz"):
        raise Refused(f"output format {output['outFormat']!r} does not fit {output['kind']}")
    name, make = makers[output["kind"]]
    return name, make()


def kind_of(profile: dict[str, Any]) -> str:
    """Return the kind as CozyStack calls it."""
    kind = profile["output"]["kind"]
    return str(profile["platform"]) if kind == "image" else str(kind)


def misbehave(fault: str, content: bytes) -> bytes:
    """Do what a fault asks for; return the content that is to be written."""
    if fault == "exit":
        print("error pulling ghcr.io/siderolabs/zfs: unexpected end of file", file=sys.stderr)
        sys.exit(1)
    if fault == "full":
        print("write /out/image: No space left on device", file=sys.stderr)
        sys.exit(1)
    if fault == "amd64-kernel":
        return media.kernel("amd64")
    if fault.startswith("wait="):
        end = time.monotonic() + WAIT_SECONDS
        while Path(fault.removeprefix("wait=")).exists() and time.monotonic() < end:
            time.sleep(0.05)  # sleep: the poll of a wait with a limit
    return content


def link_archive(name: str) -> bytes:
    """Return an archive whose only member is a symbolic link to a file of the host, which is a good kernel."""
    target = Path(tempfile.gettempdir()) / "kernel-of-the-host"
    target.write_bytes(media.kernel())
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, str(target)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(member)
    return content.getvalue()


def run(arguments: list[str]) -> int:
    """Behave like ``docker run ... imager``."""
    labels = [value for option, value in zip(arguments, arguments[1:], strict=False) if option == "--label"]
    settings = dict(label.removeprefix("stand-in.").split("=", 1) for label in labels if label.startswith("stand-in."))
    image = next((word for word in arguments if "/imager:" in word), "")
    profile = read_profile(sys.stdin.read())
    if profile["version"] != image.rpartition("/imager:")[2].partition("@")[0]:
        raise Refused(f"{image} does not know the profile's version {profile['version']}")
    print(f"{NAME} ({image})", file=sys.stderr)
    name, content = produce(profile)
    wanted, _separator, fault = settings.get("fault", "").partition(":")
    fault = fault if wanted == kind_of(profile) else ""
    content = misbehave(fault, content)
    if "record" in settings:
        with Path(settings["record"]).open("a") as stream:
            stream.write(f"{kind_of(profile)} {name}\n")
    files = {} if fault == "nothing" else {name: content}
    if fault == "extra":
        files["left-behind"] = b"x"
    if "--tar-to-stdout" in arguments:
        packed = gzip.compress(link_archive(name) if fault == "link" else media.tar(files), mtime=0)
        sys.stdout.buffer.write(packed[: len(packed) // 2] if fault == "cut" else packed)
        return 1 if fault == "cut" else 0
    mount = next(word for word in arguments if word.endswith(":/out")).removesuffix(":/out")
    for file_name, data in files.items():
        (Path(mount) / file_name).write_bytes(data)
    return 0


def main(arguments: list[str]) -> int:
    """Answer like a container engine."""
    if arguments[:1] == ["version"]:
        print(VERSION)
        return 0
    if arguments[:1] == ["run"]:
        try:
            return run(arguments[1:])
        except Refused as refusal:
            print(f"error: {refusal}", file=sys.stderr)
            return 1
    print(f"stand-in: no command {' '.join(arguments)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
