# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster and its nodes as the inventory declares them.

These are the only inputs of the renderer. Reading refuses what cannot be used, one line per error; whether a usable
definition is also a good one is for the rules to judge.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError, Fields
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import FLAVOURS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import TAILSCALE, Tailnet

__all__ = [
    "Cluster",
    "DefinitionError",
    "ExtensionService",
    "Install",
    "Network",
    "Node",
    "Tailnet",
    "TrustedRoot",
    "Variant",
]

MACHINE_TYPES = ("controlplane", "worker")
ROLES = ("compute", "gateway")
PROVIDERS = ("emulated", "hardware", "qemu")
DEFAULT_TALOS_VERSION = "v1.13.9"
_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")


@dataclass(frozen=True)
class Variant:
    """What the image of a role holds.

    :param extensions: names of the system extensions.
    :param installer_image: reference of the installer that holds them, empty for the one of the Image Factory.
    """

    extensions: tuple[str, ...] = ()
    installer_image: str = ""

    @classmethod
    def from_mapping(cls, data: Any, owner: str, prefix: str) -> Variant:
        """Read ``talos_variants.<role>``."""
        fields = Fields(owner, prefix, data, ("extensions", "installer_image"))
        return cls(tuple(sorted(set(fields.texts("extensions")))), fields.text("installer_image", ""))


@dataclass(frozen=True)
class TrustedRoot:
    """Certificate authorities that nodes trust (an item of ``talos_cluster.trusted_roots``).

    :param name: of the document.
    :param certificates: PEM text; empty while it is only known which ``file`` holds it.
    :param file: path of a file with the text, empty for none.
    """

    name: str
    certificates: str = ""
    file: str = ""

    @classmethod
    def from_mapping(cls, data: Any, owner: str, index: int) -> TrustedRoot:
        """Read one item: ``name``, and ``certificates`` or ``file``."""
        fields = Fields(owner, f"talos_cluster.trusted_roots[{index}]", data, ("name", "certificates", "file"))
        root = cls(fields.text("name"), fields.text("certificates", ""), fields.text("file", ""))
        if bool(root.certificates) == bool(root.file):
            raise fields.error("certificates", "or file is required, and not both", "give one of them")
        if root.certificates:
            root.check(fields.owner, fields.path("certificates"))
        return root

    def check(self, owner: str, path: str) -> None:
        """Refuse what holds no certificate.

        :raises DefinitionError: names *owner* and *path*.
        """
        if "-----BEGIN CERTIFICATE-----" not in self.certificates:
            raise DefinitionError(owner, path, "holds no certificate", "give certificates in PEM form")

    def to_mapping(self) -> dict[str, str]:
        """Return plain data for which ``from_mapping`` returns an equal object."""
        return {key: value for key, value in vars(self).items() if value}


@dataclass(frozen=True)
class Cluster:
    """The cluster of an inventory. See ``from_mapping`` for the keys."""

    name: str
    endpoint: str
    flavour: str = "plain"
    provider: str = "emulated"
    talos_version: str = DEFAULT_TALOS_VERSION
    kubernetes_version: str = ""
    pod_subnets: tuple[str, ...] = ()
    service_subnets: tuple[str, ...] = ()
    join_subnet: str = ""
    dns_domain: str = ""
    gateways: int = 1
    gateway_failover: bool = False
    cni: str = ""
    proxy_disabled: bool = False
    coredns_disabled: bool = False
    discovery: bool = True
    allow_scheduling_on_control_planes: bool = True
    vip: str = ""
    cert_sans: tuple[str, ...] = ()
    registry_mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trusted_roots: tuple[TrustedRoot, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)
    patches: tuple[Any, ...] = ()

    KEYS = (
        *("name", "provider", "endpoint", "flavour", "talos_version", "kubernetes_version", "pod_subnets"),
        *("service_subnets", "join_subnet", "dns_domain", "gateways", "gateway_failover", "cni", "proxy", "coredns"),
        *("discovery", "allow_scheduling_on_control_planes", "vip", "cert_sans", "registry_mirrors", "trusted_roots"),
        *("variants", "patches"),
    )

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Cluster:
        """Read the cluster part of a cluster definition.

        :param data: the keys of ``talos_cluster``, and ``provider`` and ``variants``. What is left out comes from the
            flavour (``dns_domain``, ``pod_subnets``, ``service_subnets``, ``join_subnet``, ``cni``, ``proxy``,
            ``coredns``, ``discovery``) or from the Talos line (``kubernetes_version``).
        :raises DefinitionError: a key is unknown or a value cannot be used.
        """
        fields = Fields("cluster", "talos_cluster", data, cls.KEYS)
        name = fields.text("name")
        if not _NAME.match(name):
            raise fields.error("name", f"{name!r} is not a name", "use lower-case letters, digits, dots and dashes")
        fields.owner = f"cluster {name}"
        flavour = FLAVOURS[fields.choice("flavour", FLAVOURS, "plain")]
        talos_version = _version(fields, "talos_version", DEFAULT_TALOS_VERSION)
        try:
            line = versions.talos_line(talos_version)
        except versions.UnknownVersion as error:
            raise fields.error("talos_version", str(error)) from None
        return cls(
            name=name,
            endpoint=_endpoint(fields),
            flavour=flavour.name,
            provider=fields.choice("provider", PROVIDERS, "emulated"),
            talos_version=talos_version,
            kubernetes_version=_version(fields, "kubernetes_version", line.default_kubernetes),
            pod_subnets=fields.subnets("pod_subnets", flavour.pod_subnets),
            service_subnets=fields.subnets("service_subnets", flavour.service_subnets),
            join_subnet=fields.subnet("join_subnet", flavour.join_subnet),
            dns_domain=fields.text("dns_domain", flavour.dns_domain),
            gateways=fields.number("gateways", 1),
            gateway_failover=fields.flag("gateway_failover", False),
            cni=fields.choice("cni", ("flannel", "none"), flavour.cni),
            proxy_disabled=_disabled(fields, "proxy", flavour.proxy_disabled),
            coredns_disabled=_disabled(fields, "coredns", flavour.coredns_disabled),
            discovery=fields.flag("discovery", flavour.discovery),
            allow_scheduling_on_control_planes=fields.flag("allow_scheduling_on_control_planes", True),
            vip=fields.address("vip", ""),
            cert_sans=fields.texts("cert_sans"),
            registry_mirrors=_mirrors(fields, flavour.registry_mirrors),
            trusted_roots=tuple(
                TrustedRoot.from_mapping(item, fields.owner, index)
                for index, item in enumerate(fields.items("trusted_roots"))
            ),
            variants=_variants(fields),
            patches=_patches(fields),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data with every key filled, for which ``from_mapping`` returns an equal cluster."""
        variants = {
            role: {"extensions": list(variant.extensions), "installer_image": variant.installer_image}
            for role, variant in self.variants.items()
        }
        values: dict[str, Any] = {key: getattr(self, key) for key in self.KEYS if hasattr(self, key)}
        values.update(
            proxy={"disabled": self.proxy_disabled},
            coredns={"disabled": self.coredns_disabled},
            registry_mirrors={host: list(urls) for host, urls in self.registry_mirrors.items()},
            trusted_roots=[root.to_mapping() for root in self.trusted_roots],
            variants=variants,
        )
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    def extensions_of(self, node: Node) -> tuple[str, ...]:
        """Return the system extensions in the image of a node: its own, else those of its role's variant."""
        return self.variant(node.role).extensions if node.extensions is None else node.extensions

    @property
    def endpoint_host(self) -> str:
        """Host part of the endpoint: an address or a name, without brackets."""
        return urlsplit(self.endpoint).hostname or ""

    def variant(self, role: str) -> Variant:
        """Return the image variant of a role; an empty one when none is declared."""
        return self.variants.get(role, Variant())


@dataclass(frozen=True)
class Network:
    """The primary network of a node (``talos_network``).

    :param interface: name of the link, or of its alias when ``hardware_address`` is given.
    :param dhcp: take the address from DHCP; then ``prefix`` and ``gateway`` may be missing.
    :param prefix: length of the node network's prefix in bits, 0 when not declared.
    :param gateway: default gateway, empty for none.
    :param nameservers: addresses of name servers.
    :param hardware_address: permanent MAC address that selects the link, whatever its name.
    :param mtu: in bytes, 0 for the link's own.
    """

    interface: str = "eth0"
    dhcp: bool = False
    prefix: int = 0
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()
    hardware_address: str = ""
    mtu: int = 0

    KEYS = ("interface", "dhcp", "prefix", "gateway", "nameservers", "search_domains", "hardware_address", "mtu")

    @classmethod
    def from_mapping(cls, data: Any, owner: str) -> Network:
        """Read ``talos_network``."""
        fields = Fields(owner, "talos_network", data, cls.KEYS)
        network = cls(
            interface=fields.text("interface", "eth0"),
            dhcp=fields.flag("dhcp", False),
            prefix=fields.number("prefix", 0, 1, 128),
            gateway=fields.address("gateway", ""),
            nameservers=fields.addresses("nameservers"),
            search_domains=fields.texts("search_domains"),
            hardware_address=fields.text("hardware_address", "").lower(),
            mtu=fields.number("mtu", 0, 68, 65535),
        )
        if not network.dhcp and not network.prefix:
            raise fields.error("prefix", "is required for a static address", "give the prefix length or dhcp: true")
        if network.hardware_address and not re.match(r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$", network.hardware_address):
            raise fields.error("hardware_address", "is not a MAC address", "write it like 52:54:00:12:34:56")
        return network

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for which ``from_mapping`` returns an equal network; zero numbers are left out."""
        values = {key: getattr(self, key) for key in self.KEYS}
        values.update(nameservers=list(self.nameservers), search_domains=list(self.search_domains))
        return {key: value for key, value in values.items() if value != 0 or isinstance(value, bool)}


@dataclass(frozen=True)
class Install:
    """Where Talos is installed (``talos_install``).

    :param disk: path of the disk, such as ``/dev/vda``.
    :param disk_selector: properties that select the disk instead, as in ``machine.install.diskSelector``.
    :param image: installer image, empty for the one of the variant.
    :param wipe: whether the disk is wiped first.
    """

    disk: str = ""
    disk_selector: Mapping[str, Any] = field(default_factory=dict)
    image: str = ""
    wipe: bool = False

    KEYS = ("disk", "disk_selector", "image", "wipe")

    @classmethod
    def from_mapping(cls, data: Any, owner: str) -> Install:
        """Read ``talos_install``."""
        fields = Fields(owner, "talos_install", data, cls.KEYS)
        install = cls(
            disk=fields.text("disk", ""),
            disk_selector=fields.mapping("disk_selector"),
            image=fields.text("image", ""),
            wipe=fields.flag("wipe", False),
        )
        if not install.disk and not install.disk_selector:
            raise fields.error("disk", "is required", "give disk or disk_selector")
        if install.disk and install.disk_selector:
            raise fields.error("disk", "is given together with disk_selector", "give one of them")
        return install

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for which ``from_mapping`` returns an equal object."""
        return {**{key: getattr(self, key) for key in self.KEYS}, "disk_selector": dict(self.disk_selector)}


@dataclass(frozen=True)
class ExtensionService:
    """Configuration of an extension's service (an item of ``talos_extension_services``)."""

    name: str
    environment: tuple[str, ...] = ()
    config_files: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_mapping(cls, data: Any, owner: str, index: int) -> ExtensionService:
        """Read one item: ``name``, ``environment`` (list of ``KEY=value``), ``config_files`` (content, mount_path)."""
        prefix = f"talos_extension_services[{index}]"
        fields = Fields(owner, prefix, data, ("name", "environment", "config_files"))
        files = []
        for position, item in enumerate(fields.items("config_files")):
            part = Fields(owner, f"{prefix}.config_files[{position}]", item, ("content", "mount_path"))
            files.append((part.text("content"), part.text("mount_path")))
        for entry in fields.texts("environment"):
            if "=" not in entry:
                raise fields.error("environment", "an entry has no =", "write each as KEY=value")
        return cls(fields.text("name"), fields.texts("environment"), tuple(files))


@dataclass(frozen=True)
class Node:
    """One host of an inventory. See ``from_mapping`` for the keys."""

    name: str
    machine_type: str
    role: str
    address: str
    network: Network = field(default_factory=lambda: Network(dhcp=True))
    install: Install = field(default_factory=Install)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: Mapping[str, str] = field(default_factory=dict)
    extension_services: tuple[ExtensionService, ...] = ()
    patches: tuple[Any, ...] = ()
    erase: bool = False
    extensions: tuple[str, ...] | None = None
    tailnet: Tailnet | None = None

    KEYS = (
        *("name", "machine_type", "role", "address", "network", "install", "labels", "annotations", "taints"),
        *("extension_services", "patches", "erase", "extensions", "tailnet"),
    )

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Node:
        """Read one node of a cluster definition.

        :param data: ``name``, ``machine_type`` (controlplane, worker), ``role`` (compute, gateway), ``address``, and
            optionally ``network``, ``install``, ``labels``, ``annotations``, ``taints``, ``extension_services``,
            ``tailnet``, ``patches``, ``erase``: the values of the host's ``talos_*`` variables; and ``extensions``,
            when they are not those of the role's variant.
        :raises DefinitionError: a key is unknown or a value cannot be used.
        """
        fields = _HostFields(f"host {data.get('name', '?')}", "", data, cls.KEYS)
        name = fields.text("name")
        if not _NAME.match(name) or len(name) > 253:
            raise fields.error("name", f"{name!r} cannot be a host name", "use lower-case letters, digits and dashes")
        services = tuple(
            ExtensionService.from_mapping(item, fields.owner, index)
            for index, item in enumerate(fields.items("extension_services"))
        )
        tailnet = Tailnet.from_mapping(fields.data["tailnet"], fields.owner) if fields.has("tailnet") else None
        if tailnet is not None and TAILSCALE in (service.name for service in services):
            raise fields.error(
                "tailnet", f"configures {TAILSCALE}, and so does talos_extension_services", "keep one of them"
            )
        return cls(
            name=name,
            machine_type=fields.choice("machine_type", MACHINE_TYPES),
            role=fields.choice("role", ROLES),
            address=fields.address("address"),
            network=Network.from_mapping(fields.data.get("network") or {"dhcp": True}, fields.owner),
            install=Install.from_mapping(fields.data.get("install") or {}, fields.owner),
            labels=fields.text_mapping("labels"),
            annotations=fields.text_mapping("annotations"),
            taints=fields.text_mapping("taints"),
            extension_services=services,
            patches=_patches(fields),
            erase=fields.flag("erase", False),
            extensions=tuple(sorted(set(fields.texts("extensions")))) if fields.has("extensions") else None,
            tailnet=tailnet,
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data with every key filled, for which ``from_mapping`` returns an equal node."""
        services = [
            {
                "name": service.name,
                "environment": list(service.environment),
                "config_files": [
                    {"content": content, "mount_path": mount_path} for content, mount_path in service.config_files
                ],
            }
            for service in self.extension_services
        ]
        mapping = {
            "name": self.name,
            "machine_type": self.machine_type,
            "role": self.role,
            "address": self.address,
            "network": self.network.to_mapping(),
            "install": self.install.to_mapping(),
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "taints": dict(self.taints),
            "extension_services": services,
            "patches": list(self.patches),
            "erase": self.erase,
        }
        if self.extensions is not None:
            mapping["extensions"] = list(self.extensions)
        if self.tailnet is not None:
            mapping["tailnet"] = self.tailnet.to_mapping()
        return mapping

    @property
    def configured_services(self) -> tuple[str, ...]:
        """Names of the extension services that the inventory configures, one way or the other."""
        declared = tuple(service.name for service in self.extension_services)
        return declared if self.tailnet is None else (*declared, TAILSCALE)

    @property
    def is_controlplane(self) -> bool:
        """Whether the node is a control plane."""
        return self.machine_type == "controlplane"

    @property
    def subnet(self) -> str:
        """The node network as a CIDR; without a declared prefix, the address alone."""
        address = ipaddress.ip_address(self.address)
        prefix = self.network.prefix or address.max_prefixlen
        return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


class _HostFields(Fields):
    """Names the variable of a host where a key comes from one."""

    def path(self, key: str) -> str:
        """Return ``talos_address`` for ``address``; machine type and role come from groups."""
        return key if key in ("name", "machine_type", "role", "erase") else f"talos_{key}"


def _version(fields: Fields, key: str, default: str) -> str:
    try:
        return str(versions.parse_version(fields.text(key, default)))
    except versions.UnknownVersion as error:
        raise fields.error(key, str(error)) from None


def _endpoint(fields: Fields) -> str:
    value = fields.text("endpoint")
    try:
        parts = urlsplit(value)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise fields.error("endpoint", f"{value!r} is not an https URL", "write it like https://198.18.1.11:6443")
    return value.rstrip("/")


def _disabled(fields: Fields, key: str, default: bool) -> bool:
    part = Fields(fields.owner, f"{fields.prefix}.{key}", fields.data.get(key) or {}, ("disabled",))
    return part.flag("disabled", default)


def _mirrors(fields: Fields, default: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    if not fields.has("registry_mirrors"):
        return default
    declared = fields.mapping("registry_mirrors")
    part = Fields(fields.owner, f"{fields.prefix}.registry_mirrors", declared, declared)
    return {host: part.texts(host) for host in sorted(declared)}


def _variants(fields: Fields) -> Mapping[str, Variant]:
    part = Fields(fields.owner, "talos_variants", fields.mapping("variants"), ROLES)
    return {
        role: Variant.from_mapping(value or {}, fields.owner, f"talos_variants.{role}")
        for role, value in sorted(part.data.items())
    }


def _patches(fields: Fields) -> tuple[Any, ...]:
    patches = fields.items("patches")
    for index, patch in enumerate(patches):
        if isinstance(patch, list):
            raise fields.error(
                f"patches[{index}]",
                "JSON6902 patches are not supported for multi-document machine configuration",
                "write the patch as a partial configuration",
            )
        if not isinstance(patch, (str, Mapping)) or not patch:
            raise fields.error(f"patches[{index}]", "expected a partial configuration (mapping or YAML text)")
    return patches
