# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single-board computers for which Talos has an overlay.

Source: the repositories siderolabs/sbc-raspberrypi, sbc-rockchip, sbc-jetson and sbc-allwinner.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import image_reference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import Overlay
from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest

# Image of overlays and its tag -> the boards it serves.
_IMAGES: dict[tuple[str, str], str] = {
    ("sbc-raspberrypi", "v0.2.0"): "rpi_generic rpi_5 revpi_generic",
    ("sbc-jetson", "v0.1.5"): "jetson_nano",
    ("sbc-rockchip", "v0.2.0"): (
        "friendlyelec-cm3588-nas helios64 nanopi-r4s nanopi-r5s odroid-m1 orangepi-5 orangepi-5-max orangepi-5-plus "
        "orangepi-r1-plus-lts radxa-zero-3e rock3b rock4cplus rock4se rock5a rock5b rock5b-plus rock5t rock64 rockpi4 "
        "rockpi4c rockpro64 turingrk1"
    ),
    ("sbc-allwinner", "v0.1.5"): "bananapi_m64 libretech_all_h3_cc_h5 pine64",
}
OVERLAYS: dict[str, str] = {
    board: f"ghcr.io/siderolabs/{image}:{tag}" for (image, tag), boards in _IMAGES.items() for board in boards.split()
}
# The firmware of these boards cannot start another kernel from a running one.
_KERNEL_ARGS = {
    "rpi_generic": ("sysctl.kernel.kexec_load_disabled=1", "talos.dashboard.disabled=1"),
    "rpi_5": ("sysctl.kernel.kexec_load_disabled=1", "talos.dashboard.disabled=1"),
}


def board_overlay(board: str, image: str = "") -> Overlay:
    """Return the overlay of a board.

    :param image: reference of the image that holds it, empty for the one known here.
    :raises BuildError: no overlay of that name is known and no image is given.
    """
    if image:
        if not image_reference(image).well_formed:
            raise BuildError(f"board {board}", f"{image!r} is no reference of an image", "write registry/name:tag")
        return Overlay(board, image)
    if board not in OVERLAYS:
        match = closest(board, OVERLAYS)
        known = ", ".join(sorted(OVERLAYS))
        remedy = f'did you mean "{match}"?' if match else f"known are {known}; or give the image of your overlay"
        raise BuildError(f"board {board}", "Talos has no overlay of that name that is known here", remedy)
    return Overlay(board, OVERLAYS[board])


def board_kernel_args(board: str) -> tuple[str, ...]:
    """Return the kernel arguments that a board needs."""
    return _KERNEL_ARGS.get(board, ())
