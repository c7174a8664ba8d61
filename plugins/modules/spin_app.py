#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: spin_app
short_description: Deploy, scale, roll back and remove a Spin application
version_added: 0.1.0
description:
  - Brings an application to a cluster whose nodes have a Spin runtime. Where the operator of SpinKube is installed, as
    a C(SpinApp); else as the Deployment and the Service that the operator would make of it.
  - What the pods need is looked for before anything is changed. Objects that somebody else has made are refused.
  - Either waits until every pod of the new revision is available, or returns at once with RV(submission), which
    M(homelab.talos.spin_app_info) follows.
  - Pods are placed by the RuntimeClass only, see the role P(homelab.talos.spin_runtime#role).
author:
  - homelab.talos contributors (@homelab)
options:
  state:
    description:
      - V(present) makes the application what the options say.
      - V(absent) removes it, and everything that was made for it.
      - V(scaled) sets the number of pods only.
      - V(rolled_back) returns to the revision before the present one. Done twice, it is where it was.
    type: str
    choices:
      - present
      - absent
      - scaled
      - rolled_back
    default: present
  form:
    description:
      - V(spinapp) needs the operator, V(deployment) does not. V(auto) takes what the cluster has, and leaves an
        application in the form it has.
    type: str
    choices:
      - auto
      - deployment
      - spinapp
    default: auto
  image:
    description:
      - Reference of the artifact, with a digest or a tag, such as RV(homelab.talos.spin_artifact#module:image).
      - A digest is better. A tag that is pushed again makes no new pods.
    type: str
  replicas:
    description:
      - Number of pods; 1 when it is not given.
    type: int
  variables:
    description:
      - Values for the application's variables, by their names in its manifest.
    type: dict
    default: {}
  secrets:
    description:
      - Values for variables that are kept in a Secret. They are never shown.
    type: dict
    default: {}
  secret_references:
    description:
      - Variables whose values are in Secrets that exist.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: Name of the variable.
        type: str
        required: true
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key in it.
        type: str
        required: true
  resources:
    description:
      - Resources of the container. The first start of a large component needs more memory than the later ones.
    type: dict
    default: {}
    suboptions:
      limits:
        description: Limits, such as V(memory) and V(cpu).
        type: dict
        default: {}
      requests:
        description: Requests likewise.
        type: dict
        default: {}
  memory_limit:
    description:
      - Memory that one instance of a component may use, such as V(64Mi). At most the limit of the container.
    type: str
    default: ""
  key_value_stores:
    description:
      - Stores that components ask for by name. Without any, V(default) is within the container and lost with it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name, such as V(default).
        type: str
        required: true
      type:
        description: Kind of store, such as V(spin) or V(redis).
        type: str
        default: spin
      options:
        description: Options of the kind, such as V(path) or V(url).
        type: dict
        default: {}
  sqlite_databases:
    description:
      - SQLite databases likewise.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name, such as V(default).
        type: str
        required: true
      type:
        description: Kind of database, V(spin) or V(libsql).
        type: str
        default: spin
      options:
        description: Options of the kind, such as V(path).
        type: dict
        default: {}
  runtime_config_secret:
    description:
      - Secret that exists and holds a whole runtime configuration as C(runtime-config.toml), instead of the stores.
    type: str
    default: ""
  volumes:
    description:
      - Claims that exist and are mounted, for instance for the file of a store.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the volume; not beginning with C(spin-).
        type: str
        required: true
      claim:
        description: Name of the PersistentVolumeClaim.
        type: str
        required: true
      path:
        description: Absolute path in the container.
        type: str
        required: true
      read_only:
        description: Whether it is mounted for reading only.
        type: bool
        default: false
  components:
    description:
      - Components of the application that are served; by default all.
    type: list
    elements: str
    default: []
  image_pull_secrets:
    description:
      - Secrets that exist and hold credentials of the registry.
    type: list
    elements: str
    default: []
  ca_secret:
    description:
      - Secret that exists and holds C(ca-certificates.crt), which outbound requests of the application trust. Only for
        O(form=deployment).
    type: str
    default: ""
  service_account:
    description:
      - Service account of the pods.
    type: str
    default: ""
  service_annotations:
    description:
      - Annotations of the Service.
    type: dict
    default: {}
  deployment_annotations:
    description:
      - Annotations of the Deployment.
    type: dict
    default: {}
  pod_annotations:
    description:
      - Annotations of the pods.
    type: dict
    default: {}
  pod_labels:
    description:
      - Further labels of the pods.
    type: dict
    default: {}
  readiness:
    description:
      - Request that tells whether a pod is sent traffic. Without it a pod is ready as soon as it listens, also when
        each request ends in a trap.
    type: dict
    suboptions: &probe
      path:
        description: Path of the request.
        type: str
        required: true
      initial_delay:
        description: Seconds before the first request.
        type: int
        default: 10
      timeout:
        description: Seconds for an answer.
        type: int
        default: 1
      period:
        description: Seconds between requests.
        type: int
        default: 10
      failure_threshold:
        description: Requests in a row that fail before it counts.
        type: int
        default: 3
  liveness:
    description:
      - Request that tells whether a pod has to be started anew.
    type: dict
    suboptions: *probe
  runtime_class:
    description:
      - RuntimeClass of the pods. Only for O(form=deployment).
    type: str
    default: wasmtime-spin-v2
  executor:
    description:
      - SpinAppExecutor in the namespace. Only for O(form=spinapp).
    type: str
    default: containerd-shim-spin
  pre_stop_seconds:
    description:
      - Seconds for which a pod that ends still takes requests, since it is told to end before it is out of the Service.
        With V(0), and always with O(form=spinapp), an update loses the requests of that time.
    type: int
    default: 5
  update_strategy:
    description:
      - V(Recreate) ends the old pods first, for stores that only one pod may open. Only for O(form=deployment).
    type: str
    choices:
      - RollingUpdate
      - Recreate
    default: RollingUpdate
  wait:
    description:
      - Whether to wait until the application is available, or gone. Otherwise the module returns when the change is
        submitted.
    type: bool
    default: true
extends_documentation_fragment:
  - homelab.talos.spin
  - homelab.talos.spin.rollout
  - homelab.talos.attributes
  - homelab.talos.requirements.cluster
attributes:
  check_mode:
    details:
      - The API server judges the objects and keeps nothing.
  idempotent:
    support: partial
    details:
      - O(state=rolled_back) changes the application each time.
seealso:
  - module: homelab.talos.spin_artifact
  - module: homelab.talos.spin_app_info
"""

EXAMPLES = r"""
- name: Deploy an application and wait for it
  homelab.talos.spin_app:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: nonce
    image: "{{ nonce.image }}"
    replicas: 2
    readiness:
      path: /healthy
      initial_delay: 1
      period: 2

- name: Submit one with a store on a volume, and go on
  homelab.talos.spin_app:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: visits
    image: registry.lab:5000/visits:1.0
    volumes:
      - name: data
        claim: visits
        path: /data
    key_value_stores:
      - name: default
        options:
          path: /data/visits.db
    secrets:
      password: "{{ visits_password }}"
    update_strategy: Recreate
    wait: false
  register: submitted

- name: Scale it
  homelab.talos.spin_app:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: nonce
    state: scaled
    replicas: 4

- name: Return to the revision before
  homelab.talos.spin_app:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: nonce
    state: rolled_back

- name: Remove it
  homelab.talos.spin_app:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    name: nonce
    state: absent
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
objects:
  description: Objects that were changed, or would be in check mode, as kind and name.
  returned: success
  type: list
  elements: str
  sample: [Service nonce, Deployment nonce]
rollout:
  description:
    - How far the application is. Only V(done) is success.
  returned: when the application was looked at
  type: dict
  contains:
    state:
      description:
        - V(absent), V(pending) (no node has taken a pod of the new revision), V(running) (pods start), V(done) or
          V(failed) (waiting does not mend it).
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
from typing import Any, TypeAlias

from ansible_collections.homelab.talos.plugins.module_utils._module.app_watch import (
    unavailable,
    watch_removal,
    watch_rollout,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES, YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.spin_options import APP, DESCRIPTION, app_of
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.spin.app import check_app, check_name
from ansible_collections.homelab.talos.plugins.module_utils.spin.cluster_app import ClusterApp, Form
from ansible_collections.homelab.talos.plugins.module_utils.spin.object_difference import shown
from ansible_collections.homelab.talos.plugins.module_utils.spin.rollout import DONE, Rollout, judge
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

Changes: TypeAlias = "list[tuple[dict[str, Any] | None, dict[str, Any]]]"


def spec() -> ArgumentSpec:
    return APP.merged_with(
        DESCRIPTION,
        ArgumentSpec(
            {
                "state": {
                    "type": "str",
                    "choices": ["present", "absent", "scaled", "rolled_back"],
                    "default": "present",
                },
                "form": {"type": "str", "choices": ["auto", "deployment", "spinapp"], "default": "auto"},
                "wait": {"type": "bool", "default": True},
                "wait_timeout": {"type": "int", "default": 300},
            },
            required_if=[("state", "present", ("image",)), ("state", "scaled", ("replicas",))],
        ),
    )


def change(module: TalosModule, app: ClusterApp, form: Form) -> Changes:
    """Submit what is asked for."""
    params = module.params
    now = module.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    if params["state"] == "scaled":
        return app.scale(params["replicas"], form, now)
    if params["state"] == "rolled_back":
        return app.roll_back(form, now)
    wanted = app_of(params)
    app.check_references(wanted)
    return app.submit(wanted, form, now)


def difference(module: TalosModule, app: ClusterApp, changes: Changes) -> dict[str, Any]:
    if not module.wants_diff:
        return {}
    before = [shown(old) for old, _new in changes if old is not None]
    after = [shown(new) for _old, new in changes]
    header = f"{app.namespace}/{app.name}"
    return {
        "diff": {
            "before": "".join(yaml_text.dump(item) for item in before),
            "after": "".join(yaml_text.dump(item) for item in after),
            "before_header": header,
            "after_header": header,
        }
    }


async def outcome(module: TalosModule, app: ClusterApp, form: Form) -> Rollout:
    """Return how far the application is, after waiting when that is asked for."""
    has_operator = form == "spinapp"
    if module.check_mode or not module.params["wait"]:
        return judge(app.read(has_operator))
    return await watch_rollout(app, has_operator, module.params["wait_timeout"])


async def remove(module: TalosModule, app: ClusterApp) -> dict[str, Any]:
    gone = app.remove()
    if module.params["wait"] and not module.check_mode:
        await watch_removal(app, module.params["wait_timeout"])
    result: dict[str, Any] = {"changed": bool(gone), "objects": gone}
    if module.wants_diff:
        result["diff"] = {"before": "".join(f"{name}\n" for name in gone), "after": ""}
    return result


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    check_name(params["name"], params["namespace"])
    if params["state"] == "present":
        check_app(app_of(params))
    with KubernetesClient.from_path(params["kubeconfig"], params["request_timeout"]) as client:
        app = ClusterApp(client, params["namespace"], params["name"], module.check_mode)
        if params["state"] == "absent":
            return await remove(module, app)
        app.refuse_strangers()
        form = app.form(params["form"])
        changes = change(module, app, form)
        rollout = await outcome(module, app, form)
        values: dict[str, Any] = {
            "changed": bool(changes),
            "objects": [f"{new['kind']} {new['metadata']['name']}" for _old, new in changes],
            "form": form,
            "rollout": dataclasses.asdict(rollout),
            "submission": app.submission(form),
            "address": app.address,
        }
        if params["wait"] and not module.check_mode and rollout.state != DONE:
            module.fail(unavailable(app, rollout, params["wait_timeout"]), **values)
        return {**values, **difference(module, app, changes)}


def main() -> None:
    TalosModule(spec(), {**YAML, **KUBERNETES}).run(ensure)


if __name__ == "__main__":
    main()
