# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One function names images; two of them never have the same name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant, read_variants
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.naming import image_name

NAME = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


def test_directory_tag_and_key_of_an_image() -> None:
    name = image_name("gateway", "arm64", "rpi_generic")
    assert (name.key, name.stem) == ("arm64/gateway-rpi-generic", "gateway-rpi-generic-arm64")
    assert name.tag("v1.13.6") == "v1.13.6-gateway-rpi-generic-arm64"


@given(st.sets(st.tuples(NAME, st.sampled_from(["arm64", "amd64"])), min_size=2, max_size=4))
def test_two_images_share_no_name(images: set[tuple[str, str]]) -> None:
    names = [image_name(variant, architecture) for variant, architecture in images]
    for one, other in itertools.combinations(names, 2):
        assert one.key != other.key
        assert one.stem != other.stem
        assert one.tag("v1.13.6") != other.tag("v1.13.6")


@pytest.mark.parametrize("variant", ["", "Compute", "a/b", "-a", "a b", "x" * 41, "a_b", "../x"])
def test_what_cannot_be_part_of_a_path_and_a_tag_is_refused(variant: str) -> None:
    with pytest.raises(BuildError, match="cannot be part of a file name"):
        image_name(variant)


def test_two_variants_that_would_share_a_name_are_refused() -> None:
    items = [{"name": "pi", "board": "rpi_generic"}, {"name": "pi-rpi-generic"}]
    with pytest.raises(
        BuildError, match="variant pi-rpi-generic: would be built as arm64/pi-rpi-generic, as variant pi"
    ):
        read_variants(items)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(BuildError, match="variant compute: would be built as arm64/compute, as variant compute"):
        read_variants([{"name": "compute"}, {"name": "compute", "extensions": ["zfs"]}])


def test_two_variants_with_the_same_extensions_are_remarked() -> None:
    same = ["zfs", "drbd"]
    items = [{"name": "a", "extensions": same}, {"name": "b", "extensions": sorted(same)}, {"name": "c"}]
    variants, remarks = read_variants(items)
    assert [variant.name for variant in variants] == ["a", "b", "c"]
    assert remarks == ["variants a and b hold the same extensions (drbd, zfs): one image would do for both"]


@pytest.mark.parametrize("extension", ["amdgpu", "intel-ucode"])
def test_an_extension_that_holds_nothing_for_the_architecture_is_refused(extension: str) -> None:
    with pytest.raises(BuildError, match=f"variant a: extension {extension} holds nothing for arm64"):
        ImageVariant.from_mapping({"name": "a", "extensions": [extension]})
    assert ImageVariant.from_mapping({"name": "a", "extensions": [extension], "architecture": "amd64"})


def test_an_extension_given_twice_is_refused() -> None:
    with pytest.raises(BuildError, match="extension zfs is listed twice"):
        ImageVariant.from_mapping({"name": "a", "extensions": ["zfs", "zfs"]})


def test_a_variant_survives_being_written_and_read() -> None:
    variant = ImageVariant.from_mapping({"name": "a", "extensions": ["zfs"], "board": "rpi_5", "kernel_args": ["x=1"]})
    assert ImageVariant.from_mapping(variant.to_mapping()) == variant
