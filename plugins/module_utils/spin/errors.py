# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a Spin application, as types: each text is one line with object, cause and remedy."""

from __future__ import annotations


class SpinError(Exception):
    """Something about a Spin application cannot be used or done.

    :ivar path: file and key, image or object that is meant.
    :ivar cause: what is wrong.
    :ivar remedy: what the operator can do.
    """

    def __init__(self, path: str, cause: str, remedy: str) -> None:
        self.path = " ".join(path.split())
        self.cause = " ".join(cause.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(f"{self.path}: {self.cause}; {self.remedy}")


class ManifestInvalid(SpinError):
    """A ``spin.toml`` is missing or says what Spin does not accept."""


class ContentInvalid(SpinError):
    """A file that an application names is missing, is another than announced, or must not be in an artifact."""


class BuildFailed(SpinError):
    """The build command of a component failed, took too long or is not allowed."""


class ReferenceInvalid(SpinError):
    """Text that shall name an image names none."""


class ArtifactInvalid(SpinError):
    """An image in a registry is no Spin application, or its content is not what its digests say."""


class RegistryError(SpinError):
    """A registry cannot be reached, is not trusted, or refuses."""


class SourceError(SpinError):
    """The sources of an application cannot be had from git."""


class AppInvalid(SpinError):
    """What is asked for an application on a cluster cannot be, whatever the cluster is."""


class AppRefused(SpinError):
    """The cluster holds something that forbids what is asked for an application."""
