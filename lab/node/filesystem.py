# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems a node sees: its own /var, /etc, /run, /opt and /proc over the host's programs."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Runs on the host, joins the node's control group and makes the namespaces: the group becomes their root.
#: Arguments: path of the group below each hierarchy, then the command line of ``unshare``.
JOIN_SCRIPT = r"""
set -eu
group=$1; shift
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
  if [ -d "$hierarchy/$group" ]; then echo $$ > "$hierarchy/$group/cgroup.procs"; fi
done
exec unshare "$@"
"""

#: Runs as the first process of the node's namespaces; ends by becoming the engine's pause program.
#: Arguments: path of the control group, directory of the node, directories of the engine's programs, of its images,
#: of the CNI plugins, boot id, hostname, then pairs of a place below /opt and the directory to be seen there.
BOOT_SCRIPT = r"""
set -eu
group=$1 node=$2 engine=$3 images=$4 plugins=$5 boot_id=$6 hostname=$7
shift 7
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir -p /opt/engine /opt/images /opt/cni/bin /opt/node /opt/cgroup
mount --bind "$engine" /opt/engine
mount --bind "$images" /opt/images
mount --bind "$plugins" /opt/cni/bin
while [ $# -ge 2 ]; do mkdir -p "/opt/$1" && mount --bind "$2" "/opt/$1" && shift 2; done
mount --bind "$node" /opt/node
mount --bind /opt/node/etc /etc
mount --bind /opt/node/var /var
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/containerd /run/cni
umount /opt/node && rmdir /opt/node
mount -t proc proc /proc
if [ -d "/sys/fs/cgroup/$group" ]; then
  mount --bind "/sys/fs/cgroup/$group" /opt/cgroup
else
  mount -t tmpfs -o mode=755 tmpfs /opt/cgroup
  for hierarchy in /sys/fs/cgroup/*; do
    own=/opt/cgroup/${hierarchy##*/}
    if [ -L "$hierarchy" ]; then cp -P "$hierarchy" "$own"
    elif [ -d "$hierarchy/$group" ]; then mkdir "$own" && mount --bind "$hierarchy/$group" "$own"; fi
  done
fi
umount --recursive --lazy /sys/fs/cgroup
mount --rbind /opt/cgroup /sys/fs/cgroup
umount --recursive /opt/cgroup
for services in /sys/fs/cgroup/system /sys/fs/cgroup/*/system; do
  if [ -d "$services" ]; then echo $$ > "$services/cgroup.procs"; fi
done
echo "$boot_id" > /run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
hostname "$hostname"
mount --make-rshared /
echo ready
exec /opt/engine/pause > /dev/null
"""

#: Runs inside the node before each service, so that what the service starts is counted with the node.
SERVICE_SCRIPT = r"""
for services in /sys/fs/cgroup/system /sys/fs/cgroup/*/system; do
  if [ -d "$services" ]; then echo $$ > "$services/cgroup.procs"; fi
done
exec "$@"
"""

#: What the programs of the host need of its /etc (name service, alternatives of iptables, library search path).
_FROM_HOST = ("alternatives", "group", "ld.so.cache", "nsswitch.conf", "passwd", "protocols", "services", "ssl")


def lay_out(directory: Path) -> None:
    """Create the node's directories; /etc is made anew, STATE, META and EPHEMERAL stay.

    /etc of Talos lives in memory, so nothing in it survives a boot.
    """
    shutil.rmtree(directory / "etc", ignore_errors=True)
    for name in ("state", "meta", "log", "etc/cni/net.d", "etc/kubernetes/manifests"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for name in ("lib", "log/pods", "log/containers", "tmp", "cache"):
        (directory / "var" / name).mkdir(parents=True, exist_ok=True)
    for name, target in (("run", "/run"), ("lock", "/run/lock")):
        link = directory / "var" / name
        if not link.is_symlink():
            link.symlink_to(target)
    # What a lease would bring; Talos replaces both from the machine configuration.
    (directory / "etc/resolv.conf").write_text("", encoding="utf-8")
    (directory / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
    for name in _FROM_HOST:
        _copy(Path("/etc") / name, directory / "etc" / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("private"))
    elif source.exists():
        shutil.copy2(source, target)
