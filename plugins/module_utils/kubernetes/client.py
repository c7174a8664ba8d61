# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thin client of a Kubernetes API over the official package: paths in, plain data out, typed errors.

The package is imported when a client is made, because that takes a second.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import (
    KubeconfigInvalid,
    KubernetesAnswer,
    KubernetesError,
    KubernetesRefused,
    KubernetesUnreachable,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

DEFAULT_TIMEOUT = 10.0
NOT_FOUND = 404
# JSON is YAML.
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class KubernetesClient:
    """The API server of one kubeconfig, used as ``with KubernetesClient.from_path(...) as client``.

    :param text: a kubeconfig.
    :param source: its path or other origin, for errors.
    :param timeout: limit of each call in seconds.
    :raises KubeconfigInvalid: the kubeconfig or the Python package cannot be used.
    """

    def __init__(self, text: str, source: str = "kubeconfig", timeout: float = DEFAULT_TIMEOUT) -> None:
        self._timeout = timeout
        self._api = _make_api(text, source)
        self.server: str = self._api.configuration.host

    @classmethod
    def from_path(cls, path: str, timeout: float = DEFAULT_TIMEOUT) -> KubernetesClient:
        """Return the client of a kubeconfig file.

        :raises KubeconfigInvalid: it cannot be read.
        """
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise _invalid(path, f"cannot be read: {reason}") from None
        return cls(text, path, timeout)

    def __enter__(self) -> KubernetesClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer of a path such as ``/api/v1/nodes`` as plain data.

        :param query: for example ``{"labelSelector": "k8s-app=kube-dns"}``.
        :raises KubernetesError: the call failed.
        """
        text = self.get_text(path, query)
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                return found
        cause = f"the answer is no object of Kubernetes: {' '.join(text.split())[:80]!r}"
        raise KubernetesError(self.server, f"GET {path}", cause, "check that an API server is at this address")

    def get_text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Return the answer of a path such as ``/readyz`` as text.

        :raises KubernetesError: the call failed.
        """
        return self._call("GET", path, query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return the object at a path, None when there is none, nor its kind.

        :raises KubernetesError: the call failed.
        """
        try:
            found: dict[str, Any] = self.get(path)
        except KubernetesAnswer as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return found

    def apply(self, path: str, wanted: Mapping[str, Any], manager: str, dry_run: bool = False) -> dict[str, Any]:
        """Let the server make an object what is wanted (server-side apply, forced) and return it.

        :param path: of the object.
        :param wanted: the fields that the manager is in charge of; others are left alone.
        :param manager: name under which the server keeps whose fields they are.
        :param dry_run: the server judges and returns, and keeps nothing.
        :raises KubernetesError: the call failed; KubernetesAnswer: the server refuses the object.
        """
        query = {"fieldManager": manager, "force": "true", **_dry(dry_run)}
        answer: dict[str, Any] = json.loads(self._call("PATCH", path, query, dict(wanted), APPLY))
        return answer

    def merge(self, path: str, change: Mapping[str, Any], manager: str, dry_run: bool = False) -> dict[str, Any]:
        """Change some fields of an object (merge patch) and return it; for the parameters see :meth:`apply`.

        :raises KubernetesError: the call failed.
        """
        query = {"fieldManager": manager, **_dry(dry_run)}
        answer: dict[str, Any] = json.loads(self._call("PATCH", path, query, dict(change), MERGE))
        return answer

    def delete(self, path: str, dry_run: bool = False) -> bool:
        """Delete an object and, in the background, what it owns; return whether it was there.

        :raises KubernetesError: the call failed.
        """
        try:
            self._call("DELETE", path, {"propagationPolicy": "Background", **_dry(dry_run)})
        except KubernetesAnswer as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: dict[str, Any] | None = None,
        content_type: str = "",
    ) -> str:
        headers = {"Accept": "application/json, text/plain"}
        if content_type:
            headers["Content-Type"] = content_type
        try:
            answer = self._api.call_api(
                f"{path}?{urlencode(query)}" if query else path,
                method,
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                # Connecting and reading; a single float is ignored by the package.
                _request_timeout=(self._timeout, self._timeout),
            )
            return str(answer.data.decode("utf-8"))
        except Exception as error:
            raise explain(self.server, f"{method} {path}", error, self._timeout) from None

    def list_nodes(self) -> list[dict[str, Any]]:
        """Return all nodes as the API describes them."""
        return _items(self.get("/api/v1/nodes"))

    def list_pods(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return the pods of a namespace, of all when it is empty."""
        return _items(self.get(f"/api/v1{_within(namespace)}/pods"))

    def list_daemon_sets(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return the daemon sets of a namespace, of all when it is empty."""
        return _items(self.get(f"/apis/apps/v1{_within(namespace)}/daemonsets"))

    def list_deployments(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return the deployments of a namespace, of all when it is empty."""
        return _items(self.get(f"/apis/apps/v1{_within(namespace)}/deployments"))

    def find_service(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a Service, None when there is none."""
        return self.find(f"/api/v1{_within(namespace)}/services/{name}")

    def list_endpoint_slices(self, namespace: str, service: str) -> list[dict[str, Any]]:
        """Return the slices of endpoints of a Service."""
        query = {"labelSelector": f"kubernetes.io/service-name={service}"}
        return _items(self.get(f"/apis/discovery.k8s.io/v1{_within(namespace)}/endpointslices", query))

    def get_from_pod(self, namespace: str, name: str, port: int, path: str) -> str:
        """Return what a pod answers over HTTP to the API server, which passes the request on to it.

        :param path: with its leading slash.
        :raises KubernetesError: the pod cannot be reached from the API server, or answers with an error.
        """
        return self.get_text(f"/api/v1{_within(namespace)}/pods/{name}:{port}/proxy{path}")

    def list_runtime_classes(self) -> list[dict[str, Any]]:
        """Return all runtime classes."""
        return _items(self.find("/apis/node.k8s.io/v1/runtimeclasses") or {})

    def version(self) -> str:
        """Return the version of the API server, such as ``v1.35.4``."""
        return str(self.get("/version")["gitVersion"])


def explain(server: str, operation: str, error: Exception, timeout: float) -> KubernetesError:
    """Return the typed error for what the Kubernetes package raised."""
    # urllib3 wraps what happened in a MaxRetryError, the package what happened to TLS in an ApiException.
    nested = getattr(error, "reason", None)
    cause: BaseException = nested if isinstance(nested, BaseException) else error
    names = {kind.__name__ for one in (error, cause) for kind in type(one).__mro__}
    status = getattr(error, "status", None)
    if "ApiException" in names and status:
        return _explain_status(server, operation, error, int(status))
    if "SSLError" in names or str(nested).startswith("SSLError"):
        return _explain_tls(server, operation, " ".join(str(nested or error).split()))
    if names & {"ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"} and "NewConnectionError" not in names:
        return KubernetesUnreachable(
            server, operation, f"no answer within {timeout:g} s", "check that the control plane runs and is reachable"
        )
    if names & {"HTTPError", "OSError"}:
        return KubernetesUnreachable(
            server, operation, _short(cause), "check that the API server runs and that the address is right"
        )
    return KubernetesError(server, operation, f"{type(error).__name__}: {_short(error)}", "run again with -vvv")


def _explain_status(server: str, operation: str, error: Any, status: int) -> KubernetesError:
    message = _message_of(error)
    if status == 401:
        return KubernetesRefused(
            server, operation, f"the client certificate is not accepted ({message})", "create the kubeconfig anew"
        )
    if status == 403 and "exceeded quota" in message:
        return KubernetesAnswer(server, operation, f"{message} ({status})", "raise the quota, or ask for less", status)
    if status == 403:
        return KubernetesRefused(server, operation, message, "use a kubeconfig with more permissions")
    remedy = "correct what it names" if status == 422 else "look at the API server's log"
    return KubernetesAnswer(server, operation, f"{message} ({status})", remedy, status)


def _explain_tls(server: str, operation: str, text: str) -> KubernetesError:
    if "unable to get local issuer" in text or "self-signed" in text or "self signed" in text:
        return KubernetesRefused(
            server,
            operation,
            "the server does not belong to the cluster of the kubeconfig (certificate signed by unknown authority)",
            "use the kubeconfig of this cluster, or check the address",
        )
    if "ALERT" in text.upper():
        return KubernetesRefused(
            server,
            operation,
            "the server does not accept the client certificate",
            "create the kubeconfig anew from the secrets bundle of this cluster",
        )
    return KubernetesRefused(server, operation, text.rsplit("] ", 1)[-1], "create the kubeconfig anew")


def _message_of(error: Any) -> str:
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return str(json.loads(error.body)["message"])
    return str(error.reason or "no reason given")


def _short(error: BaseException) -> str:
    """Return the last, most specific part of the texts that urllib3 nests."""
    text = " ".join(str(error).split())
    return text.rsplit(": ", 1)[-1].rstrip(")'\"") or type(error).__name__


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _items(answer: Any) -> list[dict[str, Any]]:
    return list(answer.get("items") or [])


def _within(namespace: str) -> str:
    return f"/namespaces/{namespace}" if namespace else ""


def _make_api(text: str, source: str) -> Any:
    try:
        config = importlib.import_module("kubernetes.config")
        client = importlib.import_module("kubernetes.client")
    except ImportError:
        raise _invalid(source, "the Python package kubernetes is not installed", "pip install kubernetes") from None
    configuration = client.Configuration()
    try:
        documents = yaml_text.load_all(text, source)
        config.load_kube_config_from_dict(documents[0], client_configuration=configuration)
    except yaml_text.YamlError as error:
        raise _invalid(f"{source}:{error.line}", error.cause) from None
    except (config.ConfigException, AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise _invalid(source, "is no kubeconfig with a usable current context") from None
    configuration.retries = False
    if _is_private(configuration.host):
        # An API server in the house is never behind the proxy of the environment.
        configuration.proxy = None
    return client.ApiClient(configuration)


def _is_private(url: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        return False


def _invalid(
    source: str, cause: str, remedy: str = "create it anew with homelab.talos.kubeconfig"
) -> KubeconfigInvalid:
    return KubeconfigInvalid(source, "reading the kubeconfig", cause, remedy)
