#!/usr/bin/env python3
# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a container engine that has Talos' imager: a test double, which says so wherever it is asked.

It understands the command line of CozyStack's recipe and the profile on its standard input, and writes files with the
structure of the real ones (see stand_in_assets.py). Labels ask it to misbehave:

``--label stand-in.record=FILE``      append a line per run: kind and file;
``--label stand-in.fault=KIND:FAULT`` fail in a certain way when that kind is built: ``exit``, ``full``, ``cut``,
``nothing``, ``amd64-kernel``, ``extra`` or ``wait=FILE`` (until that file is gone).
"""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stand_in_assets as assets

VERSION = "0.0.0-stand-in"
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
    if profile.get("arch") not in assets.MACHINES:
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
    return next(arch for arch in assets.MACHINES if f"/{arch}/" in path)


def produce(profile: dict[str, Any]) -> tuple[str, bytes]:
    """Return name and content of the file that a profile asks for."""
    arch, platform, version = profile["arch"], profile["platform"], profile["version"]
    output = profile["output"]
    kernel_arch = kernel_architecture(profile)
    zboot = kernel_arch == "arm64" and assets.minor_version(version) >= assets.ZBOOT_SINCE
    kernel = assets.pe_image(kernel_arch, zboot)
    initial = assets.initramfs(arch, version, references(profile))
    boot = {assets.BOOT_FILES[arch]: assets.pe_image(arch, False), "VMLINUZ": kernel, "INITRAMF.XZ": initial}
    makers: dict[str, Callable[[], tuple[str, bytes]]] = {
        "kernel": lambda: (f"kernel-{arch}", kernel),
        "initramfs": lambda: (f"initramfs-{platform}-{arch}.xz", initial),
        "iso": lambda: (f"{platform}-{arch}.iso", assets.iso_image(boot)),
        "installer": lambda: (f"installer-{arch}.tar", assets.installer(arch, version, kernel, initial)),
        "image": lambda: (f"{platform}-{arch}.raw.xz", lzma.compress(assets.disk_image(boot), preset=0)),
    }
    if output["kind"] not in makers:
        raise Refused(f"unknown output kind {output['kind']!r}")
    if (output["kind"] == "image") != (output["outFormat"] == ".xz"):
        raise Refused(f"output format {output['outFormat']!r} does not fit {output['kind']}")
    return makers[output["kind"]]()


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
        return assets.pe_image("amd64", False)
    if fault.startswith("wait="):
        end = time.monotonic() + WAIT_SECONDS
        while Path(fault.removeprefix("wait=")).exists() and time.monotonic() < end:
            time.sleep(0.05)  # sleep: the poll of a wait with a limit
    return content


def run(arguments: list[str]) -> int:
    """Behave like ``docker run ... imager``."""
    labels = [value for option, value in zip(arguments, arguments[1:], strict=False) if option == "--label"]
    settings = dict(label.removeprefix("stand-in.").split("=", 1) for label in labels if label.startswith("stand-in."))
    image = next((word for word in arguments if "/imager:" in word), "")
    profile = read_profile(sys.stdin.read())
    if profile["version"] != image.rpartition("/imager:")[2].partition("@")[0]:
        raise Refused(f"{image} does not know the profile's version {profile['version']}")
    print(f"{assets.NAME} ({image})", file=sys.stderr)
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
        packed = gzip.compress(assets.tar_archive(files), mtime=0)
        sys.stdout.buffer.write(packed[: len(packed) // 2] if fault == "cut" else packed)
        return 1 if fault == "cut" else 0
    mount = next(word for word in arguments if word.endswith(":/out")).removesuffix(":/out")
    with tarfile.open(fileobj=io.BytesIO(assets.tar_archive(files))) as archive:
        archive.extractall(mount, filter="data")
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
