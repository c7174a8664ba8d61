# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule about a document has a configuration that breaks it; the sentences are Talos' own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import document as rules
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.merge import merge
from ansible_collections.homelab.talos.tests.support import definitions

CA = {"crt": "x", "key": ""}


def doc(kind: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **body}


def machine(**body: Any) -> dict[str, Any]:
    return {"machine": body}


def cluster(**body: Any) -> dict[str, Any]:
    return {"cluster": body}


def network(**body: Any) -> dict[str, Any]:
    return machine(network=body)


def interface(**body: Any) -> dict[str, Any]:
    return network(interfaces=[body])


def judge(sample: str, patch: Any, talos: str = "v1.13.9", mode: str = "metal") -> list[Finding]:
    """Judge a sample configuration after a patch; a list is put after it as further documents."""
    config = definitions.config(sample, {"talos_version": talos})
    if isinstance(patch, list):
        changed = [*config.documents, *copy.deepcopy(patch)]
    else:
        changed = merge(config.documents, [patch])
    return rules.check(MachineConfig(changed), talos, mode, sample)


# rule id, sample, patch, part of the sentence
BROKEN: list[tuple[str, str, Any, str]] = [
    # structure
    ("unknown-key", "cp1", machine(hostnam="x"), 'unknown key "hostnam"'),
    ("unknown-key", "cp1", doc("LinkConfig", name="eth0", adresses=[]), 'unknown key "adresses"'),
    ("unknown-kind", "cp1", doc("LinkConfg", name="eth9"), '"LinkConfg" "v1alpha1": not registered'),
    ("too-new", "cp1", doc("KubeletConfig", image="x"), "document kind KubeletConfig does not exist in Talos 1.13"),
    ("too-new", "cp1", doc("ResolverConfig", hostDNS={"enabled": True}), 'key "hostDNS" does not exist in Talos 1.13'),
    ("type", "cp1", doc("LinkConfig", name="eth9", mtu="big"), "expected a whole number"),
    ("value", "cp1", doc("NetworkDefaultActionConfig", ingress="deny"), "value is not one of accept, block"),
    ("identity", "cp1", [{"kind": "LinkConfig", "name": "eth9"}], "missing apiVersion"),
    ("identity", "cp1", [{"apiVersion": "v1alpha1", "name": "eth9"}], "missing kind"),
    (
        "duplicate-document",
        "cp1",
        [doc("LinkConfig", name="eth0")],
        "duplicate document v1alpha1/LinkConfig/eth0 is not allowed",
    ),
    ("duplicate-document", "cp1", [{"machine": {}}], "duplicate v1alpha1.Config"),
    ("required", "cp1", doc("DHCPv4Config"), "name must be specified"),
    ("required", "cp1", doc("VRFConfig", name="v", links=["eth1"]), "table must be specified"),
    ("required", "cp1", doc("TCPProbeConfig", name="p"), "endpoint must be specified"),
    # machine
    ("persist", "cp1", {"persist": False}, ".persist should be enabled"),
    ("machine", "cp1", {"machine": {"$patch": "delete"}}, "machine instructions are required"),
    ("machine-type", "cp1", machine(type="master"), 'unknown machine type "master"'),
    ("machine-type", "node1", machine(type="join"), 'use "worker" instead of "join" for machine type'),
    ("machine-ca", "node1", machine(ca={"$patch": "delete"}), "issuing CA or some accepted CAs are required"),
    (
        "machine-ca",
        "cp1",
        machine(ca={"key": {"$patch": "delete"}}),
        "issuing CA key is required for controlplane nodes",
    ),
    ("worker-secret", "node1", machine(ca={"key": "SECRET"}), "issuing Talos API CA key is not allowed"),
    ("machine-token", "node1", machine(token={"$patch": "delete"}), "no token"),
    ("install", "cp1", machine(install={"$patch": "delete"}), 'install instructions are required in "metal" mode'),
    ("install", "cp1", machine(install={"disk": {"$patch": "delete"}}), "either install disk or diskSelector"),
    ("install", "cp1", machine(install={"extraKernelArgs": ["a"]}), "can't be used together"),
    (
        "install",
        "cp1",
        machine(install={"extensions": [{"image": "a"}, {"image": "a"}]}),
        'duplicate system extension "a"',
    ),
    (
        "deprecated",
        "cp1",
        machine(install={"extensions": [{"image": "a"}]}),
        ".machine.install.extensions is deprecated",
    ),
    (
        "kubelet",
        "cp1",
        machine(kubelet={"extraConfig": {"authentication": {}}}),
        'kubelet configuration field "authentication" can\'t be overridden',
    ),
    (
        "kubelet",
        "cp1",
        machine(kubelet={"nodeIP": {"validSubnets": ["198.18.1"]}}),
        'kubelet nodeIP subnet is not valid: "198.18.1"',
    ),
    (
        "kubernetes-version",
        "cp1",
        machine(kubelet={"image": "ghcr.io/siderolabs/kubelet:v1.37.0"}),
        "version of Kubernetes 1.37.0 is too new to be used with Talos 1.13.9",
    ),
    (
        "kubernetes-image",
        "cp1",
        machine(kubelet={"image": "ghcr.io/siderolabs/kubelet:v1.35"}),
        "kubelet image is not valid: failed to parse Kubernetes version from image reference",
    ),
    (
        "kubernetes-image",
        "cp1",
        machine(kubelet={"image": "localhost:5000/kubelet"}),
        "kubelet image is not valid: invalid image reference",
    ),
    ("disk", "cp1", machine(disks=[None]), "machine.disks[0] is null"),
    (
        "disk",
        "cp1",
        machine(disks=[{"device": "/dev/vdb", "partitions": [{"mountpoint": "/a"}, {"size": 1}]}]),
        'partition for disk "/dev/vdb" is set to occupy full disk',
    ),
    (
        "file",
        "cp1",
        machine(files=[{"path": "/etc/lvm/lvm.conf", "op": "create", "content": "x"}]),
        'create operation not allowed outside of /var: "/etc/lvm/lvm.conf"',
    ),
    (
        "file",
        "cp1",
        machine(files=[{"path": "/var/../etc/x", "op": "create", "content": "x"}]),
        "create operation not allowed outside of /var",
    ),
    (
        "encryption",
        "cp1",
        machine(systemDiskEncryption={"state": {"provider": "luks2"}}),
        'partition "STATE": no encryption keys provided',
    ),
    (
        "encryption",
        "cp1",
        machine(systemDiskEncryption={"state": {"keys": [{"slot": 0, "nodeID": {}}, {"slot": 0, "nodeID": {}}]}}),
        "encryption key slot 0 is already in use",
    ),
    (
        "encryption",
        "cp1",
        machine(systemDiskEncryption={"state": {"keys": [{"slot": 1}]}}),
        "encryption key at slot 1 doesn't have the configuration parameters",
    ),
    ("label", "cp1", machine(nodeLabels={"a b": "c"}), "invalid machine node labels"),
    ("label", "cp1", machine(nodeLabels={"a": "c d"}), 'value "c d" is not valid'),
    ("label", "cp1", machine(nodeAnnotations={"UPPER/a": "c"}), "invalid machine node annotations"),
    ("label", "cp1", machine(nodeTaints={"a": "b:Never"}), 'effect "Never" is none of'),
    (
        "talos-api-access",
        "node1",
        machine(features={"kubernetesTalosAPIAccess": {"enabled": True}}),
        "can only be enabled on control plane machines",
    ),
    (
        "talos-api-access",
        "cp1",
        machine(features={"kubernetesTalosAPIAccess": {"enabled": True, "allowedRoles": ["os:root"]}}),
        'invalid role "os:root" in allowed roles',
    ),
    (
        "host-dns",
        "cp1",
        machine(features={"hostDNS": {"enabled": False, "forwardKubeDNSToHost": True}}),
        "feature hostDNS.forwardKubeDNSToHost requires hostDNS.enabled to be true",
    ),
    (
        "registry",
        "cp1",
        machine(registries={"mirrors": {"docker.io": None}}),
        'registries.mirrors["docker.io"] is null',
    ),
    ("registry", "cp1", machine(registries={"config": {"docker.io": None}}), 'registries.config["docker.io"] is null'),
    # legacy network
    ("interface", "cp1", interface(dhcp=True), "required either config section to be set"),
    ("interface", "cp1", interface(interface="eth1", deviceSelector={"driver": "x"}), "mutually exclusive"),
    (
        "interface",
        "cp1",
        interface(interface="eth1", cidr="198.18.1.2/24", addresses=["198.18.1.3/24"]),
        ".cidr and .addresses",
    ),
    ("deprecated", "cp1", interface(interface="eth1", cidr="198.18.1.2/24"), "cidr is deprecated"),
    ("interface", "cp1", interface(interface="eth1", addresses=["eth"]), "invalid network address"),
    (
        "interface",
        "cp1",
        interface(interface="eth1", routes=[{"gateway": "gw"}]),
        '[networking.os.device.route[0].gateway] "gw": invalid network address',
    ),
    (
        "interface",
        "cp1",
        interface(interface="x", bond={"interfaces": ["a"]}, bridge={"interfaces": ["b"]}),
        "both bridge and bond",
    ),
    (
        "interface",
        "cp1",
        interface(interface="x", bond={"mode": "802.3ad"}),
        "interfaces or deviceSelectors must be set",
    ),
    (
        "interface",
        "cp1",
        interface(interface="x", bond={"interfaces": ["a"], "mode": "active-backup", "lacpRate": "fast"}),
        "only available in 802.3ad",
    ),
    (
        "interface",
        "cp1",
        interface(interface="x", bond={"interfaces": ["a"], "miimon": 100, "updelay": 150}),
        "bond.updelay must be a multiple of miimon",
    ),
    (
        "interface",
        "cp1",
        interface(interface="x", vlans=[{"vlanId": 1, "cidr": "198.18.1.2/24", "addresses": ["198.18.1.2/24"]}]),
        "vlan can't have both",
    ),
    ("interface", "cp1", interface(interface="wg", wireguard={"privateKey": "short"}), "length: 0"),
    ("vip", "node1", interface(interface="eth1", vip={"ip": "198.18.1.9"}), "virtual (shared) IP is not allowed"),
    ("vip", "node1", interface(interface="e", vlans=[{"vlanId": 1, "vip": {"ip": "198.18.1.9"}}]), "is not allowed"),
    ("vip", "cp1", interface(interface="eth1", vip={"ip": "x"}), "failed to parse virtual IP address"),
    # network documents
    (
        "vip-document",
        "node1",
        doc("Layer2VIPConfig", name="198.18.1.9", link="eth0"),
        "virtual (shared) IP is not allowed",
    ),
    ("vip", "cp1", doc("Layer2VIPConfig", name="vip", link="eth0"), "name must be a valid IP address"),
    ("vip", "cp1", doc("Layer2VIPConfig", name="198.18.1.9"), "link must be specified"),
    ("link", "cp1", doc("DummyLinkConfig"), "name must be specified"),
    (
        "link",
        "cp1",
        doc("LinkConfig", name="e", addresses=[{"address": "198.18.1.2"}]),
        "address 0 must be a valid IP prefix",
    ),
    (
        "link",
        "cp1",
        doc("LinkConfig", name="e", routes=[{"destination": "x", "gateway": "198.18.1.1"}]),
        "route 0 destination",
    ),
    ("link", "cp1", doc("LinkConfig", name="e", routes=[{"gateway": "x"}]), "route 0 gateway"),
    ("link", "cp1", doc("LinkConfig", name="e", routes=[{"metric": 5}]), "either destination or gateway"),
    ("link", "cp1", doc("VLANConfig", name="v", parent="eth0", vlanID=5000), "between 1 and 4094"),
    ("link", "cp1", doc("VLANConfig", name="v", vlanID=5), "parent must be specified"),
    ("link", "cp1", doc("VLANConfig", name="v", parent="eth0", vlanID=5, vlanMode="x"), "vlanMode must be either"),
    ("link", "cp1", doc("BondConfig", name="b", bondMode="802.3ad"), "at least one link must be specified"),
    ("link", "cp1", doc("BondConfig", name="b", links=["a"]), "bond mode must be specified"),
    ("link", "cp1", doc("WireguardConfig", name="w"), "wireguard private key must be specified"),
    ("link", "cp1", doc("WireguardConfig", name="w", privateKey="AAAA"), "wireguard private key is invalid"),
    (
        "link",
        "cp1",
        doc("WireguardConfig", name="w", privateKey="A" * 43 + "=", peers=[{"publicKey": "x"}]),
        "wireguard peer public key is invalid (peer index 0)",
    ),
    ("link", "cp1", doc("LinkAliasConfig", name="net9"), "link selector match must be specified"),
    ("hostname", "cp1", doc("HostnameConfig", auto="stable"), "'auto' and 'hostname' cannot be set at the same time"),
    (
        "hostname",
        "cp1",
        doc("HostnameConfig", hostname={"$patch": "delete"}),
        "either 'auto' or 'hostname' must be set",
    ),
    ("hostname", "cp1", doc("HostnameConfig", hostname="a_b"), 'invalid hostname "a_b"'),
    ("hostname", "cp1", doc("HostnameConfig", hostname="a." * 130), "fqdn is too long: 260"),
    ("static-host", "cp1", doc("StaticHostConfig", name="x", hostnames=["a"]), "name must be a valid IP address"),
    ("static-host", "cp1", doc("StaticHostConfig", name="198.18.1.9"), "at least one hostname is required"),
    ("resolver", "cp1", doc("ResolverConfig", nameservers=[{"address": "dns"}]), "must be a valid IP address"),
    (
        "conflict",
        "cp1",
        doc("DummyLinkConfig", name="eth0"),
        "conflicting documents: LinkConfig/eth0 and DummyLinkConfig/eth0",
    ),
    # cluster
    ("cluster", "cp1", {"cluster": {"$patch": "delete"}}, "cluster instructions are required"),
    ("endpoint", "cp1", cluster(controlPlane={"$patch": "delete"}), "cluster controlplane endpoint is required"),
    ("endpoint", "cp1", cluster(controlPlane={"endpoint": "198.18.1.11:6443"}), "invalid controlplane endpoint"),
    ("worker-secret", "node1", cluster(ca={"key": "SECRET"}), "issuing Kubernetes API CA key is not allowed"),
    ("worker-secret", "node1", cluster(etcd={"ca": CA}), "etcd config is only allowed on control plane machines"),
    (
        "worker-excess",
        "node1",
        cluster(serviceAccount={"key": "SECRET"}),
        "a worker does not need .cluster.serviceAccount",
    ),
    ("authority", "cp1", cluster(etcd={"ca": {"$patch": "delete"}}), "no authority in .cluster.etcd.ca"),
    ("authority", "cp1", cluster(ca={"key": {"$patch": "delete"}}), "no authority in .cluster.ca"),
    ("dns-name", "cp1", cluster(network={"dnsDomain": "not a name"}), '"not a name" is not a valid DNS name'),
    ("subnet", "cp1", cluster(network={"podSubnets": ["10.0.0.0"]}), 'subnet is not valid: "10.0.0.0"'),
    (
        "cni",
        "cp1",
        cluster(network={"cni": {"name": "calico"}}),
        'cni name should be one of ["flannel", "custom", "none"]',
    ),
    ("cni", "cp1", cluster(network={"cni": {"name": "none", "urls": ["x"]}}), 'should be empty for "none" CNI'),
    ("cni", "cp1", cluster(network={"cni": {"name": "custom"}}), 'should not be empty for "custom" CNI'),
    (
        "cni",
        "cp1",
        cluster(network={"cni": {"name": "none", "flannel": {"extraArgs": ["x"]}}}),
        '"flanneldExtraArgs" field should be empty for "none" CNI',
    ),
    ("discovery", "cp1", cluster(id={"$patch": "delete"}), "cluster discovery service requires .cluster.id"),
    ("discovery", "cp1", cluster(secret={"$patch": "delete"}), "cluster discovery service requires .cluster.secret"),
    (
        "discovery",
        "cp1",
        cluster(discovery={"registries": {"service": {"endpoint": "nowhere"}}}),
        "cluster discovery service registry endpoint is invalid",
    ),
    (
        "discovery",
        "cp1",
        cluster(discovery={"registries": {"service": {"endpoint": "https://x/y"}}}),
        "endpoint path should be empty",
    ),
    (
        "kubespan",
        "cp1",
        {**network(kubespan={"enabled": True}), **cluster(discovery={"enabled": False})},
        ".cluster.discovery should be enabled when .machine.network.kubespan is enabled",
    ),
    ("kubespan", "cp1", doc("KubeSpanConfig", enabled=True, mtu=1000), "kubespan link MTU must be at least 1280"),
    ("manifest", "cp1", cluster(inlineManifests=[{"contents": "x"}]), "inline manifest name can't be empty"),
    (
        "manifest",
        "cp1",
        cluster(inlineManifests=[{"name": "a", "contents": "x"}, {"name": "a", "contents": "y"}]),
        'inline manifest name "a" is duplicate',
    ),
    (
        "manifest",
        "cp1",
        cluster(externalCloudProvider={"enabled": False, "manifests": ["https://x"]}),
        "external cloud provider is disabled, but manifests are provided",
    ),
    (
        "etcd",
        "cp1",
        cluster(etcd={"subnet": "198.18.1.0/24"}),
        "etcd subnet can't be set when advertised subnets are set",
    ),
    ("etcd", "cp1", cluster(etcd={"advertisedSubnets": ["x"]}), 'etcd advertised subnet is not valid: "x"'),
    (
        "kubernetes-version",
        "cp1",
        cluster(apiServer={"image": "registry.k8s.io/kube-apiserver:v1.30.0"}),
        "version of Kubernetes 1.30.0 is too old to be used with Talos 1.13.9",
    ),
    # other documents
    ("extension-service", "cp1", doc("ExtensionServiceConfig", environment=["A=b"]), "name is required"),
    ("extension-service", "cp1", doc("ExtensionServiceConfig", name="x"), 'no config files found for extension "x"'),
    ("extension-name", "cp1", doc("ExtensionServiceConfig", name="ext-x", environment=["A=b"]), "ext-x"),
    ("extension-environment", "cp1", doc("ExtensionServiceConfig", name="x", environment=["A"]), "has no value"),
    (
        "extension-service",
        "cp1",
        doc("ExtensionServiceConfig", name="x", configFiles=[{"mountPath": "/a"}]),
        'extension content is required for extension "x"',
    ),
    (
        "extension-service",
        "cp1",
        doc("ExtensionServiceConfig", name="x", configFiles=[{"content": "a"}]),
        'extension mount path is required for extension "x"',
    ),
    ("registry", "cp1", doc("RegistryMirrorConfig", endpoints=[{"url": "https://x"}]), "name must be specified"),
    ("registry", "cp1", doc("RegistryMirrorConfig", name="r", endpoints=[{}]), "endpoints[0].url must be specified"),
    (
        "registry",
        "cp1",
        doc("RegistryMirrorConfig", name="r", endpoints=[{"url": "ftp://x"}]),
        "has unsupported scheme",
    ),
    (
        "registry",
        "cp1",
        doc("RegistryAuthConfig", name="r", username="a", identityToken="b"),
        "only one of username/password",
    ),
    ("registry", "cp1", doc("RegistryTLSConfig", name="r", ca="x"), "ca must be a valid PEM-encoded certificate"),
    ("volume", "cp1", doc("UserVolumeConfig"), "name is required"),
    ("volume", "cp1", doc("UserVolumeConfig", name="a" * 35), "name must be between 1 and 34 characters long"),
    ("volume", "cp1", doc("UserVolumeConfig", name="a_b"), "name can only contain"),
    ("volume", "cp1", doc("UserVolumeConfig", name="a", provisioning={"minSize": "1GB"}), "disk selector is required"),
    (
        "volume",
        "cp1",
        doc("UserVolumeConfig", name="a", provisioning={"diskSelector": {"match": "true"}}),
        "min size or max size is required",
    ),
    (
        "volume",
        "cp1",
        doc("UserVolumeConfig", name="a", filesystem={"type": "ntfs"}),
        "unsupported filesystem type: ntfs",
    ),
    ("volume", "cp1", doc("VolumeConfig", name="data"), "volumes are supported"),
    (
        "volume",
        "cp1",
        doc("VolumeConfig", name="STATE", provisioning={"minSize": "1GB"}),
        "provisioning config is not allowed",
    ),
    (
        "volume",
        "cp1",
        doc("VolumeConfig", name="STATE", encryption={"provider": "luks2"}),
        "encryption keys are required",
    ),
    (
        "volume",
        "cp1",
        doc("VolumeConfig", name="STATE", encryption={"keys": [{"slot": 0, "nodeID": {}}, {"slot": 0}]}),
        "duplicate key slot 0",
    ),
    ("watchdog", "cp1", doc("WatchdogTimerConfig", timeout="20s"), "watchdog device: empty value"),
    ("watchdog", "cp1", doc("WatchdogTimerConfig", device="/dev/watchdog0", timeout="9s"), "minimum value is 10s"),
    ("kernel-log", "cp1", doc("KmsgLogConfig", url="tcp://198.18.1.2:1/"), "name is required"),
    ("kernel-log", "cp1", doc("KmsgLogConfig", name="a"), "url is required"),
    ("kernel-log", "cp1", doc("KmsgLogConfig", name="a", url="http://x:1"), "url scheme must be tcp:// or udp://"),
    ("kernel-log", "cp1", doc("KmsgLogConfig", name="a", url="tcp://x:1/y"), "url path must be empty"),
    ("kernel-log", "cp1", doc("KmsgLogConfig", name="a", url="tcp://x/"), "url port is required"),
    ("firewall", "cp1", doc("NetworkRuleConfig", portSelector={"ports": [1]}), "name is required"),
    ("firewall", "cp1", doc("NetworkRuleConfig", name="a"), "portSelector.ports is required"),
    (
        "firewall",
        "cp1",
        doc("NetworkRuleConfig", name="a", portSelector={"ports": [1]}, ingress=[{"subnet": "x"}]),
        "invalid subnet: x",
    ),
    ("time", "cp1", doc("TimeSyncConfig", ntp={"servers": ["a"]}, ptp={"devices": ["b"]}), "only one of ntp or ptp"),
    ("time", "cp1", doc("TimeSyncConfig", bootTimeout="-1s"), "bootTimeout cannot be negative"),
    (
        "environment",
        "cp1",
        doc("EnvironmentConfig", variables={"A-B": "x"}),
        'invalid environment variable name: "A-B"',
    ),
    # a document and the block it replaces
    ("conflict", "cp1", network(hostname="x"), "static hostname is already set in v1alpha1 config"),
    (
        "conflict",
        "cp1",
        machine(features={"stableHostname": True}),
        "stable hostname is already set in v1alpha1 config",
    ),
    ("conflict", "cp1", network(nameservers=["198.18.1.1"]), ".machine.network.nameservers is already set"),
]

# Conflicts with the documents of Talos 1.14, each with the block that our rendering has.
NEW_DOCUMENTS: list[tuple[dict[str, Any], str]] = [
    (doc("UnattendedInstallConfig"), "UnattendedInstallConfig config is incompatible with v1alpha1 config"),
    (doc("KubeletConfig"), "kubelet config is already set in v1alpha1 config (.machine.kubelet)"),
    (doc("KubeNodeConfig"), ".machine.nodeLabels is already set in v1alpha1 config"),
    (doc("KubeNodeConfig"), ".cluster.allowSchedulingOnControlPlanes is already set"),
    (doc("KubeClusterConfig"), "cluster name is already set in the v1alpha1 config (.cluster.clusterName). Please"),
    (doc("KubeNetworkConfig"), "cluster network config is already set in the v1alpha1 config"),
    (doc("KubeFlannelCNIConfig"), "can't be used with KubeFlannelCNIConfig document"),
    (doc("KubeAPIServerConfig"), "kube-apiserver config is already set in v1alpha1 config (.cluster.apiServer)"),
    (doc("KubeAPIServerCAConfig"), "kube-apiserver CA is already set in v1alpha1 config (.cluster.ca)"),
    (doc("KubeControllerManagerConfig"), "kube-controller-manager config is already set in v1alpha1 config"),
    (doc("KubeSchedulerConfig"), "kube-scheduler config is already set in v1alpha1 config"),
    (doc("KubeProxyConfig"), "can't be used with KubeProxyConfig document"),
    (doc("KubeCoreDNSConfig"), "CoreDNS config is already set in v1alpha1 config (.cluster.coreDNS)"),
    (doc("KubeEtcdEncryptionConfig"), "etcd encryption config is already set in v1alpha1 config"),
    (doc("KubeServiceAccountConfig"), "service account is already set in v1alpha1 config"),
    (doc("KubeAggregatorCAConfig"), "aggregator CA is already set in v1alpha1 config"),
    (doc("KubePrismConfig"), "can't be used with KubePrismConfig document"),
    (doc("DiscoveryIdentityConfig"), "cluster identity is already configured in .cluster.id/.cluster.secret"),
    (doc("DiscoveryServiceConfig", name="default"), "discovery service is already configured in .cluster.discovery"),
]

# What looks like one of the above and is fine.
FINE: list[tuple[str, Any]] = [
    ("cp1", machine(kubelet={"extraConfig": {"maxPods": 512}})),
    ("cp1", machine(kubelet={"nodeIP": {"validSubnets": ["!198.18.1.9/32", "198.18.2.0/24"]}})),
    ("cp1", machine(kubelet={"image": "localhost:5000/kubelet:v1.36.0"})),
    ("cp1", machine(kubelet={"image": "ghcr.io/siderolabs/kubelet@sha256:abc"})),
    ("cp1", machine(files=[{"path": "/var/lib/x", "op": "create", "content": "x"}])),
    ("cp1", machine(files=[{"path": "/etc/cri/conf.d/20-customization.part", "op": "create", "content": "x"}])),
    ("cp1", machine(nodeTaints={"a": "NoSchedule", "b/c": "d:NoExecute"})),
    ("cp1", machine(nodeLabels={"example.org/a": "b", "c": ""})),
    ("cp1", machine(systemDiskEncryption={"state": {"keys": [{"slot": 0, "nodeID": {}}, {"slot": 1, "tpm": {}}]}})),
    ("cp1", machine(features={"kubernetesTalosAPIAccess": {"enabled": True, "allowedRoles": ["os:reader"]}})),
    ("cp1", interface(interface="eth1", addresses=["198.18.2.2/24"], routes=[{"gateway": "198.18.2.1"}])),
    ("cp1", interface(interface="eth1", vip={"ip": "198.18.1.9"})),
    ("cp1", interface(interface="x", bond={"interfaces": ["a"], "mode": "802.3ad", "lacpRate": "fast"})),
    ("cp1", interface(interface="x", bond={"interfaces": ["a"], "miimon": 100, "updelay": 200})),
    ("cp1", interface(deviceSelector={"physical": True}, dhcp=True)),
    ("cp1", cluster(network={"cni": {"name": "custom", "urls": ["https://x"]}})),
    ("cp1", cluster(inlineManifests=[{"name": "a", "contents": "x"}, {"name": "b", "contents": "y"}])),
    ("cp1", cluster(apiServer={"extraArgs": {"a": ["b", "c"]}})),
    ("cp1", cluster(proxy={"disabled": True, "image": "odd"})),
    ("cp1", doc("Layer2VIPConfig", name="198.18.1.9", link="eth0")),
    ("cp1", doc("VLANConfig", name="v", parent="eth0", vlanID=5)),
    ("cp1", doc("BondConfig", name="b", links=["a"], bondMode="802.3ad")),
    ("cp1", doc("WireguardConfig", name="w", privateKey="A" * 43 + "=")),
    ("cp1", doc("HostnameConfig", hostname="cp1.home.arpa")),
    ("cp1", doc("StaticHostConfig", name="198.18.1.9", hostnames=["a"])),
    ("cp1", doc("ExtensionServiceConfig", name="x", environment=["A=b"])),
    ("cp1", doc("RegistryMirrorConfig", name="r", endpoints=[{"url": "http://x:5000"}])),
    ("cp1", doc("RegistryAuthConfig", name="r", username="a", password="b")),
    ("cp1", doc("UserVolumeConfig", name="a", provisioning={"diskSelector": {"match": "true"}, "minSize": "1GB"})),
    ("cp1", doc("UserVolumeConfig", name="a", volumeType="directory")),
    ("cp1", doc("VolumeConfig", name="EPHEMERAL", provisioning={"minSize": "10GB"})),
    ("cp1", doc("WatchdogTimerConfig", device="/dev/watchdog0", timeout="1m30s")),
    ("cp1", doc("KmsgLogConfig", name="a", url="udp://[fd00::1]:5555/")),
    ("cp1", doc("NetworkRuleConfig", name="a", portSelector={"ports": [1]}, ingress=[{"subnet": "198.18.1.0/24"}])),
    ("cp1", doc("TimeSyncConfig", ntp={"servers": ["198.18.1.1"]}, bootTimeout="1m")),
    ("cp1", doc("EnvironmentConfig", variables={"A_B": "x"})),
    ("cp1", doc("DHCPv4Config", name="eth1")),
    ("cp1", doc("VRFConfig", name="v", links=["eth1"], table="123")),
    ("cp1", doc("KubeSpanConfig", enabled=True, mtu=1420)),
]


@pytest.mark.parametrize("talos", ["v1.12.11", "v1.13.9", "v1.14.1"])
@pytest.mark.parametrize("sample", ["cp1", "node1", "gw1"])
def test_what_we_render_is_clean(sample: str, talos: str) -> None:
    assert judge(sample, [], talos) == []


@pytest.mark.parametrize(
    ("rule", "sample", "patch", "message"), BROKEN, ids=[f"{item[0]}-{item[3][:40]}" for item in BROKEN]
)
def test_a_broken_configuration(rule: str, sample: str, patch: Any, message: str) -> None:
    matches = [finding for finding in judge(sample, patch) if message in finding.message]
    assert [finding.id for finding in matches] == [f"config.{rule}"]
    assert matches[0].host == sample
    assert matches[0].layer == "config"
    assert matches[0].fix
    assert "\n" not in str(matches[0])
    assert "SECRET" not in str(matches[0]).replace("SECRETBOX", "")


def test_a_node_does_not_have_our_own_rules() -> None:
    config = definitions.config("cp1", patches=[machine(files=[{"path": "/x", "op": "create", "content": "x"}])])
    assert [finding.id for finding in rules.check(config, "v1.13.9")] == ["config.file"]
    assert rules.check(config, "v1.13.9", own_rules=False) == []
    known = {f"config.{item[0]}" for item in BROKEN}
    assert known >= rules.OWN_RULES


@pytest.mark.parametrize(("sample", "patch"), FINE, ids=[str(item[1])[:60] for item in FINE])
def test_a_configuration_that_looks_broken_but_is_fine(sample: str, patch: Any) -> None:
    assert judge(sample, patch) == []


@pytest.mark.parametrize(("item", "message"), NEW_DOCUMENTS, ids=[message[:40] for _item, message in NEW_DOCUMENTS])
def test_new_documents_beside_the_block_they_replace(item: dict[str, Any], message: str) -> None:
    found = [finding for finding in judge("cp1", [item], "v1.14.1") if message in finding.message]
    assert [finding.id for finding in found] == ["config.conflict"]


def test_documents_of_control_planes_on_a_worker() -> None:
    found = judge("node1", [doc("KubeSchedulerConfig"), doc("KubeAPIServerConfig")], "v1.14.1")
    messages = [finding.message for finding in found if finding.id == "config.controlplane-only"]
    assert messages == [
        "the following document kinds are only allowed on control plane machines: "
        "[KubeAPIServerConfig KubeSchedulerConfig]"
    ]


def test_an_interface_that_is_declared_twice() -> None:
    (finding,) = judge("cp1", network(interfaces=[{"interface": "eth1"}, {"interface": "eth1"}]))
    assert finding.id == "config.interface"
    assert finding.path == "machine.network.interfaces[1]"


def test_encryption_in_both_places() -> None:
    keys = [{"slot": 0, "nodeID": {}}]
    base = definitions.config("cp1", patches=[machine(systemDiskEncryption={"state": {"keys": keys}})])
    both = [*base.documents, doc("VolumeConfig", name="STATE", encryption={"keys": keys})]
    found = rules.check(MachineConfig(both), "v1.13.9")
    message = 'system disk encryption for "STATE" is configured in both v1alpha1.Config and VolumeConfig'
    assert [finding.message for finding in found] == [message]


@pytest.mark.parametrize(
    ("mode", "features", "messages"),
    [
        ("container", {}, []),
        ("container", {"hostDNS": {"enabled": False}}, ["hostDNS must be enabled in container mode"]),
        ("container", {"hostDNS": {"$patch": "delete"}}, ["hostDNS config is required in container mode"]),
        ("metal", {"hostDNS": {"$patch": "delete"}}, []),
    ],
)
def test_the_mode_matters(mode: str, features: dict[str, Any], messages: list[str]) -> None:
    found = [finding.message for finding in judge("cp1", machine(features=features), mode=mode)]
    assert [message for message in found if "container mode" in message] == messages


def test_install_is_only_demanded_of_metal_before_1_14() -> None:
    patch = machine(install={"$patch": "delete"})
    assert judge("cp1", patch, mode="cloud") == []
    assert judge("cp1", patch, "v1.14.1") == []
    assert [finding.id for finding in judge("cp1", patch)] == ["config.install"]


def test_an_unknown_mode_and_an_unknown_version() -> None:
    with pytest.raises(ValueError, match='unknown runtime mode: "laptop"'):
        rules.check(definitions.config(), "v1.13.9", "laptop")
    (finding,) = rules.check(definitions.config(), "v1.99.0", host="cp1")
    assert (finding.id, finding.host) == ("config.talos-version", "cp1")
    assert "v1.12, v1.13, v1.14" in finding.message


def test_text_is_judged_with_lines() -> None:
    text = definitions.config("cp1").to_text().replace("kubelet:", "kubelt:").replace("hostname: cp1", "hostnam: cp1")
    found = {finding.message: finding for finding in rules.check_text(text, "v1.13.9", "cp1.yaml", host="cp1")}
    line = text.splitlines().index("    kubelt:") + 1
    finding = found[f'unknown key "kubelt" (line {line})']
    assert finding.path == "machine.kubelt"
    assert finding.fix == 'did you mean "kubelet"?'
    assert any(message.startswith('unknown key "hostnam" (line ') for message in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [\n", "cp1.yaml:2: YAML is broken"), ("- a\n", "cp1.yaml:1: document is a list")],
)
def test_broken_yaml_is_a_finding(text: str, message: str) -> None:
    (finding,) = rules.check_text(text, "v1.13.9", "cp1.yaml")
    assert finding.id == "config.yaml"
    assert finding.message.startswith(message)


def test_an_empty_file() -> None:
    assert [finding.message for finding in rules.check_text("", "v1.13.9")] == ["config not found"]


def test_a_key_in_the_wrong_place_is_told_where_it_belongs() -> None:
    (finding,) = judge("cp1", machine(validSubnets=["198.18.1.0/24"]))
    assert finding.fix == "it belongs under machine.kubelet.nodeIP"
