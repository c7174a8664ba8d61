# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource types a node serves: names, aliases, sensitivity, print columns.

Sources: siderolabs/talos:pkg/machinery/resources/**,
cosi-project/runtime:pkg/resource/meta/spec/resource_definition.go.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFINITION_TYPE = "ResourceDefinitions.meta.cosi.dev"
NAMESPACE_TYPE = "Namespaces.meta.cosi.dev"

NAMESPACES = {
    "cluster": "Cluster configuration and discovery resources.",
    "cluster-raw": "Cluster unmerged raw resources.",
    "config": "Talos node configuration.",
    "containers": "Container resources.",
    "controlplane": "Kubernetes control plane resources.",
    "etcd": "etcd resources.",
    "files": "Files and file-like resources.",
    "k8s": "Kubernetes node types resources.",
    "kubespan": "KubeSpan resources.",
    "meta": "Metadata namespace which contains resource and namespace definitions.",
    "network": "Networking resources.",
    "network-config": "Networking configuration unmerged resources.",
    "perf": "Stats resources.",
    "runtime": "Talos Runtime resources.",
    "secrets": "Resources with secret material.",
}


@dataclass(frozen=True)
class Definition:
    """A resource type. ``since`` is the first Talos minor that has it (empty: all that the lab plays)."""

    namespace: str
    type: str
    display_type: str
    aliases: tuple[str, ...]
    all_aliases: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    sensitive: bool
    since: str

    @property
    def id(self) -> str:
        """The id of the definition's own resource."""
        return self.type.lower()


def _initials(display_type: str) -> list[str]:
    letters = "".join(letter for letter in display_type if letter.isupper()).lower()
    if len(letters) < 2:
        return []
    return [letters] if letters.endswith("s") else [letters, f"{letters}s"]


def _define(
    namespace: str,
    type: str,
    display_type: str,
    *,
    aliases: tuple[str, ...] = (),
    columns: tuple[tuple[str, str], ...] = (),
    sensitive: bool = False,
    since: str = "",
) -> Definition:
    names = (*aliases, display_type.lower(), *_initials(display_type))
    plural, *suffix = type.lower().split(".")
    qualified = tuple(".".join([plural, *suffix[:length]]) for length in range(len(suffix)))
    return Definition(namespace, type, display_type, names, qualified + names, columns, sensitive, since)


DEFINITIONS: tuple[Definition, ...] = (
    _define("meta", "Namespaces.meta.cosi.dev", "Namespace", aliases=("ns",)),
    _define(
        "meta",
        "ResourceDefinitions.meta.cosi.dev",
        "ResourceDefinition",
        aliases=("api-resources",),
        columns=(("Aliases", "{.aliases[:]}"),),
    ),
    _define(
        "network",
        "AddressStatuses.net.talos.dev",
        "AddressStatus",
        aliases=("address", "addresses"),
        columns=(("Address", "{.address}"), ("Link", "{.linkName}")),
    ),
    _define(
        "cluster",
        "Affiliates.cluster.talos.dev",
        "Affiliate",
        columns=(("Hostname", "{.hostname}"), ("Machine Type", "{.machineType}"), ("Addresses", "{.addresses}")),
    ),
    _define("runtime", "BootIDs.runtime.talos.dev", "BootID", columns=(("Boot ID", "{.bootID}"),), since="1.14"),
    _define("runtime", "Diagnostics.runtime.talos.dev", "Diagnostic", columns=(("Message", "{.message}"),)),
    _define(
        "runtime",
        "DiscoveredVolumes.block.talos.dev",
        "DiscoveredVolume",
        columns=(
            ("Type", "{.type}"),
            ("Size", "{.pretty_size}"),
            ("Discovered", "{.name}"),
            ("Label", "{.label}"),
            ("PartitionLabel", "{.partition_label}"),
        ),
    ),
    _define(
        "runtime",
        "Disks.block.talos.dev",
        "Disk",
        columns=(
            ("Size", "{.pretty_size}"),
            ("Read Only", "{.readonly}"),
            ("Transport", "{.transport}"),
            ("Rotational", "{.rotational}"),
            ("WWID", "{.wwid}"),
            ("Model", "{.model}"),
            ("Serial", "{.serial}"),
        ),
    ),
    _define(
        "controlplane",
        "Endpoints.kubernetes.talos.dev",
        "Endpoint",
        columns=(("Addresses", "{.addresses}"), ("Hosts", "{.hosts}")),
    ),
    _define("etcd", "EtcdMembers.etcd.talos.dev", "EtcdMember", columns=(("Member ID", "{.memberID}"),)),
    _define("runtime", "ExtensionServiceConfigStatuses.runtime.talos.dev", "ExtensionServiceConfigStatus"),
    _define("runtime", "ExtensionServiceConfigs.runtime.talos.dev", "ExtensionServiceConfig", sensitive=True),
    _define(
        "runtime",
        "ExtensionStatuses.runtime.talos.dev",
        "ExtensionStatus",
        aliases=("extensions",),
        columns=(("Name", "{.metadata.name}"), ("Version", "{.metadata.version}")),
    ),
    _define(
        "network",
        "HostnameStatuses.net.talos.dev",
        "HostnameStatus",
        aliases=("hostname",),
        columns=(("Hostname", "{.hostname}"), ("Domainname", "{.domainname}")),
    ),
    _define("cluster", "Identities.cluster.talos.dev", "Identity", columns=(("ID", "{.nodeId}"),)),
    _define(
        "runtime",
        "ImageFactorySchematics.runtime.talos.dev",
        "ImageFactorySchematic",
        columns=(("Schematic ID", "{.schematicId}"), ("Flavor", "{.flavor}"), ("API URL", "{.apiUrl}")),
        since="1.14",
    ),
    _define(
        "cluster",
        "Infos.cluster.talos.dev",
        "Info",
        columns=(("Cluster ID", "{.clusterId}"), ("Cluster Name", "{.clusterName}")),
    ),
    _define(
        "runtime",
        "KernelCmdlines.runtime.talos.dev",
        "KernelCmdline",
        aliases=("cmdline",),
        columns=(("Cmdline", "{.cmdline}"),),
    ),
    _define(
        "controlplane",
        "BootstrapManifestsConfigs.kubernetes.talos.dev",
        "BootstrapManifestsConfig",
    ),
    _define("controlplane", "Manifests.kubernetes.talos.dev", "Manifest"),
    _define(
        "k8s",
        "KubePrismConfigs.kubernetes.talos.dev",
        "KubePrismConfig",
        columns=(("Host", "{.host}"), ("Port", "{.port}"), ("Endpoints", "{.endpoints}")),
    ),
    _define(
        "k8s",
        "KubePrismEndpoints.kubernetes.talos.dev",
        "KubePrismEndpoint",
        columns=(("Hosts", "{.endpoints[*].host}"), ("Ports", "{.endpoints[*].port}")),
    ),
    _define(
        "k8s",
        "KubePrismStatuses.kubernetes.talos.dev",
        "KubePrismStatus",
        columns=(("HOST", "{.host}"), ("HEALTHY", "{.healthy}")),
    ),
    _define(
        "kubespan",
        "KubeSpanPeerStatuses.kubespan.talos.dev",
        "KubeSpanPeerStatus",
        columns=(
            ("Label", "{.label}"),
            ("Endpoint", "{.endpoint}"),
            ("State", "{.state}"),
            ("Rx", "{.receiveBytes}"),
            ("Tx", "{.transmitBytes}"),
        ),
    ),
    _define("k8s", "KubeletSpecs.kubernetes.talos.dev", "KubeletSpec", sensitive=True),
    _define("k8s", "KubeletStatuses.kubernetes.talos.dev", "KubeletStatus", columns=(("Image", "{.image}"),)),
    _define(
        "network",
        "LinkStatuses.net.talos.dev",
        "LinkStatus",
        aliases=("link", "links"),
        sensitive=True,
        columns=(
            ("Alias", "{.alias}"),
            ("Type", "{.type}"),
            ("Kind", "{.kind}"),
            ("Hw Addr", "{.hardwareAddr}"),
            ("Oper State", "{.operationalState}"),
            ("Link State", "{.linkState}"),
        ),
    ),
    _define("config", "MachineConfigs.config.talos.dev", "MachineConfig", sensitive=True),
    _define(
        "runtime",
        "MachineStatuses.runtime.talos.dev",
        "MachineStatus",
        columns=(("Stage", "{.stage}"), ("Ready", "{.status.ready}")),
    ),
    _define("config", "MachineTypes.config.talos.dev", "MachineType", columns=(("Type", "{@}"),)),
    _define(
        "cluster",
        "Members.cluster.talos.dev",
        "Member",
        columns=(
            ("Hostname", "{.hostname}"),
            ("Machine Type", "{.machineType}"),
            ("OS", "{.operatingSystem}"),
            ("Addresses", "{.addresses}"),
        ),
    ),
    _define("runtime", "MetaKeys.runtime.talos.dev", "MetaKey", aliases=("meta",), columns=(("Value", "{.value}"),)),
    _define(
        "runtime",
        "MountStatuses.block.talos.dev",
        "MountStatus",
        columns=(
            ("Source", "{.source}"),
            ("Target", "{.target}"),
            ("Filesystem", "{.filesystem}"),
            ("Volume", "{.spec.volumeID}"),
        ),
    ),
    _define(
        "network",
        "NetworkStatuses.net.talos.dev",
        "NetworkStatus",
        aliases=("netstatus", "netstatuses"),
        columns=(
            ("Address", "{.addressReady}"),
            ("Connectivity", "{.connectivityReady}"),
            ("Hostname", "{.hostnameReady}"),
            ("Etc", "{.etcFilesReady}"),
        ),
    ),
    _define(
        "network",
        "NodeAddresses.net.talos.dev",
        "NodeAddress",
        columns=(("Addresses", "{.addresses}"), ("SortAlgorithm", "{.sortAlgorithm}")),
    ),
    _define("k8s", "NodeIPs.kubernetes.talos.dev", "NodeIP"),
    _define(
        "k8s",
        "NodeStatuses.kubernetes.talos.dev",
        "NodeStatus",
        columns=(("Ready", "{.nodeReady}"), ("Unschedulable", "{.unschedulable}")),
    ),
    _define("k8s", "Nodenames.kubernetes.talos.dev", "Nodename", columns=(("Nodename", "{.nodename}"),)),
    _define("network", "OperatorSpecs.net.talos.dev", "OperatorSpec", sensitive=True),
    _define(
        "runtime",
        "PlatformMetadatas.talos.dev",
        "PlatformMetadata",
        columns=(
            ("Platform", "{.platform}"),
            ("Type", "{.instanceType}"),
            ("Region", "{.region}"),
            ("Zone", "{.zone}"),
        ),
    ),
    _define(
        "network",
        "ResolverStatuses.net.talos.dev",
        "ResolverStatus",
        aliases=("resolvers",),
        columns=(("Resolvers", "{.dnsServers}"), ("Search Domains", "{.searchDomains}")),
    ),
    _define(
        "network",
        "RouteStatuses.net.talos.dev",
        "RouteStatus",
        aliases=("route", "routes"),
        columns=(
            ("Destination", "{.dst}"),
            ("Gateway", "{.gateway}"),
            ("Link", "{.outLinkName}"),
            ("Metric", "{.priority}"),
        ),
    ),
    _define(
        "runtime",
        "SecurityStates.talos.dev",
        "SecurityState",
        columns=(
            ("SecureBoot", "{.secureBoot}"),
            ("UKISigningKeyFingerprint", "{.ukiSigningKeyFingerprint}"),
            ("PCRSigningKeyFingerprint", "{.pcrSigningKeyFingerprint}"),
            ("SELinuxState", "{.selinuxState}"),
            ("ModuleSignatureEnforced", "{.moduleSignatureEnforced}"),
        ),
    ),
    _define(
        "runtime",
        "Services.v1alpha1.talos.dev",
        "Service",
        aliases=("svc",),
        columns=(("Running", "{.running}"), ("Healthy", "{.healthy}"), ("Health Unknown", "{.unknown}")),
    ),
    _define(
        "config",
        "SiderolinkStatuses.siderolink.talos.dev",
        "SiderolinkStatus",
        columns=(("Host", "{.host}"), ("Connected", "{.connected}")),
    ),
    _define(
        "k8s",
        "StaticPodStatuses.kubernetes.talos.dev",
        "StaticPodStatus",
        aliases=("podstatus",),
        columns=(("Ready", '{.conditions[?(@.type=="Ready")].status}'),),
    ),
    _define("k8s", "StaticPods.kubernetes.talos.dev", "StaticPod"),
    _define("runtime", "SystemDisks.block.talos.dev", "SystemDisk", columns=(("Disk", "{.diskID}"),)),
    _define(
        "network",
        "TimeServerStatuses.net.talos.dev",
        "TimeServerStatus",
        aliases=("timeserver", "timeservers"),
        columns=(("Timeservers", "{.timeServers}"), ("UseNTS", "{.useNTS}")),
    ),
    _define("runtime", "TimeStatuses.v1alpha1.talos.dev", "TimeStatus", columns=(("Synced", "{.synced}"),)),
    _define(
        "runtime",
        "UnattendedInstallStatuses.runtime.talos.dev",
        "UnattendedInstallStatus",
        columns=(("Phase", "{.phase}"),),
        since="1.14",
    ),
    _define(
        "runtime", "Versions.runtime.talos.dev", "Version", columns=(("Name", "{.name}"), ("Version", "{.version}"))
    ),
    _define(
        "runtime",
        "VolumeStatuses.block.talos.dev",
        "VolumeStatus",
        columns=(("Type", "{.type}"), ("Phase", "{.phase}"), ("Location", "{.location}"), ("Size", "{.prettySize}")),
    ),
)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def served(talos_version: str) -> dict[str, Definition]:
    """Return type -> definition for a Talos version such as ``v1.13.9``."""
    version = _minor(talos_version)
    return {each.type: each for each in DEFINITIONS if not each.since or _minor(each.since) <= version}


def definition_spec(definition: Definition) -> dict[str, object]:
    """Return the spec of a ResourceDefinition as YAML data."""
    return {
        "type": definition.type,
        "displayType": definition.display_type,
        "aliases": list(definition.aliases),
        "allAliases": list(definition.all_aliases),
        "printColumns": [{"name": name, "jsonPath": path} for name, path in definition.columns],
        "defaultNamespace": definition.namespace,
        "sensitivity": "sensitive" if definition.sensitive else "",
    }
