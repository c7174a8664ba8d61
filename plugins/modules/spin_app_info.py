#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: spin_app_info
short_description: Tell how far a Spin application is
version_added: 0.1.0
description:
  - Reads the objects, the pods and the events of an application and tells whether it is pending, running, done or
    failed, with the reason and the times. Nothing is changed.
  - Follows a change that M(homelab.talos.spin_app) submitted without waiting.
author:
  - homelab.talos contributors (@homelab)
options:
  submission:
    description:
      - The change that is followed, as RV(homelab.talos.spin_app#module:submission). When another one came after it,
        the state is V(superseded).
    type: str
  wait:
    description:
      - Whether to wait until the application is done. Fails when it fails, or is not done in time.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.talos.spin
  - homelab.talos.spin.rollout
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.requirements.cluster
seealso:
  - module: homelab.talos.spin_app
"""

EXAMPLES = r"""
- name: Follow a change until it is over
  homelab.talos.spin_app_info:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: visits
    submission: "{{ submitted.submission }}"
  register: visits
  until: visits.rollout.state in ["done", "failed"]
  retries: 60
  delay: 5

- name: Wait for it in one call
  homelab.talos.spin_app_info:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: visits
    wait: true
"""

RETURN = r"""
submission:
  description: Names the change that the application is, or was, brought to; for M(homelab.talos.spin_app_info).
  returned: when the application exists
  type: str
  sample: default/nonce@1a2b3c4d.3
form:
  description: V(deployment) or V(spinapp).
  returned: when the application exists
  type: str
  sample: deployment
address:
  description: Where the application answers within the cluster.
  returned: when the application exists
  type: str
  sample: http://nonce.default.svc
image:
  description: Image that its pods are made of.
  returned: when the application exists
  type: str
  sample: registry.lab:5000/nonce:1.0
rollout:
  description:
    - How far the application is. Only V(done) is success.
  returned: when the application was looked at
  type: dict
  contains:
    state:
      description:
        - V(absent), V(pending) (no node has taken a pod of the new revision), V(running) (pods start), V(done) or
          V(failed) (waiting does not mend it), or V(superseded).
      type: str
    reason:
      description: Short name of what keeps it, such as V(no-runtime), V(image-pull), V(crash), V(quota) or V(no-node).
      type: str
    message:
      description: One line with the object, what is said about it, and what to do.
      type: str
    wanted:
      description: Pods that shall be there.
      type: int
    updated:
      description: Pods of the new revision.
      type: int
    available:
      description: Pods that answer, of any revision.
      type: int
    revision:
      description: Revision of the Deployment.
      type: int
    submitted_at:
      description: When the change was submitted, in ISO form.
      type: str
    started_at:
      description: When its first pod was asked for; empty before.
      type: str
    finished_at:
      description: When its last pod became ready; empty before.
      type: str
  sample:
    state: done
    reason: ""
    message: 2 of 2 available
    wanted: 2
    updated: 2
    available: 2
    revision: 3
    submitted_at: "2026-03-02T12:00:00Z"
    started_at: "2026-03-02T12:00:00Z"
    finished_at: "2026-03-02T12:00:03Z"
"""

import dataclasses
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.app_watch import unavailable, watch_rollout
from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES, YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.spin_options import APP
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.spin.app import check_name
from ansible_collections.homelab.talos.plugins.module_utils.spin.cluster_app import ClusterApp, Form
from ansible_collections.homelab.talos.plugins.module_utils.spin.rollout import ABSENT, DONE, Rollout, judge

SUPERSEDED = "superseded"


def spec() -> ArgumentSpec:
    return APP.merged_with(
        ArgumentSpec(
            {
                "submission": {"type": "str"},
                "wait": {"type": "bool", "default": False},
                "wait_timeout": {"type": "int", "default": 300},
            }
        )
    )


def followed(rollout: Rollout, wanted: str | None, found: str) -> Rollout:
    """Return the state of a submission: that of the application, unless another change came after it."""
    if wanted is None or wanted == found or rollout.state == ABSENT:
        return rollout
    message = f"{wanted} was followed by {found}, which is {rollout.state}: {rollout.message}"
    return dataclasses.replace(rollout, state=SUPERSEDED, message=message)


async def look(module: TalosModule) -> dict[str, Any]:
    params = module.params
    check_name(params["name"], params["namespace"])
    with KubernetesClient.from_path(params["kubeconfig"], params["request_timeout"]) as client:
        app = ClusterApp(client, params["namespace"], params["name"])
        form: Form = app.form("auto")
        has_operator = form == "spinapp"
        waits = params["wait"] and not module.check_mode
        rollout = (
            await watch_rollout(app, has_operator, params["wait_timeout"]) if waits else judge(app.read(has_operator))
        )
        values: dict[str, Any] = {"rollout": dataclasses.asdict(rollout)}
        if rollout.state != ABSENT:
            submission = app.submission(form)
            rollout = followed(rollout, params["submission"], submission)
            values = {
                "rollout": dataclasses.asdict(rollout),
                "submission": submission,
                "form": form,
                "address": app.address,
                "image": app.image(form),
            }
        if params["wait"] and rollout.state != DONE:
            module.fail(unavailable(app, rollout, params["wait_timeout"]), **values)
        return values


def main() -> None:
    TalosModule(spec(), {**YAML, **KUBERNETES}).run(look)


if __name__ == "__main__":
    main()
