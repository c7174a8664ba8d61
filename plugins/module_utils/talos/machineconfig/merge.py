# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategic merge of a patch into a machine configuration, by Talos' rules.

- Documents meet by apiVersion, kind and name; others are appended.
- Mappings merge key by key. Values overwrite, but null, an empty string and zero do not (false does).
- Lists append. Some are replaced, some merge item by item with a key, see the tables below.
- ``$patch: delete`` removes a document, a key or the list items that match its first other key.

Two differences: Talos lets a zero overwrite where its own field is a pointer, here a zero never overwrites. Talos is
silent when a field that is not set is to be deleted, here that is refused as is any other deletion that finds nothing.
Sources: siderolabs/talos:pkg/machinery/config/merge/merge.go, pkg/machinery/config/configpatcher/.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents

DELETE_KEY = "$patch"
Path = tuple[str, ...]

# (kind, path) of lists and mappings that a patch replaces; the kind of the v1alpha1 document is empty.
_REPLACED: frozenset[tuple[str, Path]] = frozenset(
    {
        ("", ("cluster", "network", "podSubnets")),
        ("", ("cluster", "network", "serviceSubnets")),
        ("", ("cluster", "apiServer", "auditPolicy")),
        ("NetworkRuleConfig", ("ingress",)),
        ("NetworkRuleConfig", ("portSelector", "ports")),
        ("KubeNetworkConfig", ("podSubnets",)),
        ("KubeNetworkConfig", ("serviceSubnets",)),
        ("KubeAuditPolicyConfig", ("configuration",)),
        ("KubeAuthenticationConfig", ("configuration",)),
        ("KubeCredentialProviderConfig", ("configuration",)),
        ("KubeStaticPodConfig", ("pod",)),
        ("CRIBaseRuntimeSpecConfig", ("overrides",)),
        ("BGPInstanceConfig", ("advertise",)),
        ("BGPInstanceConfig", ("importRoutes",)),
        ("BGPInstanceConfig", ("neighbors",)),
    }
)

# (kind, path) of lists whose items meet by one of these keys.
_KEYED: Mapping[tuple[str, Path], tuple[str, ...]] = {
    ("", ("machine", "network", "interfaces")): ("interface", "deviceSelector"),
    ("", ("machine", "network", "interfaces", "*", "vlans")): ("vlanId",),
    ("", ("cluster", "apiServer", "admissionControl")): ("name",),
    ("ExtensionServiceConfig", ("configFiles",)): ("mountPath",),
}


class MergeError(Exception):
    """A patch does not fit the configuration; one line with document, path, cause and remedy."""


def merge(base: Iterable[documents.Document], patch: Iterable[documents.Document]) -> list[documents.Document]:
    """Return the documents of ``base`` with ``patch`` merged in; neither is changed.

    :raises MergeError: types differ, a document of the patch has no valid identity, or a deletion finds nothing.
    """
    result = copy.deepcopy(list(base))
    for document in copy.deepcopy(list(patch)):
        identity = documents.document_id(document)
        label = documents.document_label(document)
        _check_identity(document, label)
        if document.get(DELETE_KEY) is not None:
            _delete_document(result, document, identity)
            continue
        target = next((item for item in result if documents.document_id(item) == identity), None)
        if target is None:
            result.append(_without_deletions(document, label))
            continue
        _delete_marked(target, document, label, ())
        _merge_mapping(target, document, identity[1], label, ())
    return result


def parse_patch(patch: Any, source: str = "patch") -> list[documents.Document]:
    """Return the documents of a patch given as mapping or as YAML text.

    :raises MergeError: it is empty or a list of JSON6902 operations.
    :raises documents.DocumentError: the YAML is broken.
    """
    if isinstance(patch, Mapping):
        return [copy.deepcopy(dict(patch))]
    if isinstance(patch, str) and patch.strip() and not patch.lstrip().startswith(("- op", "[")):
        parsed = documents.parse(patch, source)
        if parsed:
            return parsed
    raise MergeError(
        f"{source}: JSON6902 patches are not supported for multi-document machine configuration; "
        "write the patch as a partial configuration"
    )


def _check_identity(document: documents.Document, label: str) -> None:
    if "kind" in document and not document.get("apiVersion"):
        raise MergeError(f"{label}: missing apiVersion; add apiVersion: v1alpha1")
    if "apiVersion" in document and not document.get("kind"):
        raise MergeError(f"{label}: missing kind; add the kind of the document")


def _delete_document(
    result: list[documents.Document], document: documents.Document, identity: documents.DocumentId
) -> None:
    if document[DELETE_KEY] != "delete":
        raise MergeError(f"{documents.document_label(document)}: unknown {DELETE_KEY} directive; only delete is known")
    if identity == documents.V1ALPHA1:
        raise MergeError("v1alpha1.Config: can't delete the root of the legacy document; delete keys below it")
    # Deleting what does not exist is not an error for whole documents.
    result[:] = [item for item in result if documents.document_id(item) != identity]


def _delete_marked(target: Any, patch: Any, label: str, path: Path) -> None:
    """Carry out the deletions in ``patch`` and remove their marks from it."""
    if isinstance(patch, dict):
        for key in list(patch):
            here = path + (str(key),)
            if _is_deletion(patch[key]):
                if not isinstance(target, dict) or key not in target:
                    raise MergeError(f"{label}: {_dotted(here)}: lookup failed; there is nothing to delete")
                del target[key]
                del patch[key]
            else:
                _delete_marked(target.get(key) if isinstance(target, dict) else None, patch[key], label, here)
    elif isinstance(patch, list):
        for item in [item for item in patch if _is_deletion(item)]:
            _delete_items(target, item, label, path)
            patch.remove(item)


def _delete_items(target: Any, item: dict[str, Any], label: str, path: Path) -> None:
    selector = next(((key, value) for key, value in item.items() if key != DELETE_KEY), None)
    if selector is None:
        raise MergeError(f"{label}: {_dotted(path)}: a list item needs a key that selects it beside {DELETE_KEY}")
    key, value = selector
    matches = [known for known in target or [] if isinstance(known, dict) and known.get(key) == value]
    if not matches:
        raise MergeError(f"{label}: {_dotted(path)}[{key}={value}]: lookup failed; there is nothing to delete")
    target[:] = [known for known in target if known not in matches]


def _is_deletion(value: Any) -> bool:
    return isinstance(value, dict) and value.get(DELETE_KEY) == "delete"


def _without_deletions(document: documents.Document, label: str) -> documents.Document:
    _delete_marked({}, document, label, ())
    return document


def _merge_mapping(target: dict[str, Any], patch: Mapping[str, Any], kind: str, label: str, path: Path) -> None:
    for key, value in patch.items():
        here = path + (str(key),)
        if key not in target or target[key] is None:
            if value is not None or key not in target:
                target[key] = value
            continue
        target[key] = _merged(target[key], value, kind, label, here)


def _merged(old: Any, new: Any, kind: str, label: str, path: Path) -> Any:
    if new is None:
        return old
    if isinstance(new, bool):
        return _same(old, new, bool, label, path)
    if isinstance(new, Mapping):
        return _merged_mapping(old, new, kind, label, path)
    if isinstance(new, list):
        return _merged_list(old, new, kind, label, path)
    if isinstance(old, (dict, list)) and not _is_argument(path):
        raise _mismatch(old, new, label, path)
    return old if new in ("", 0) else new


def _merged_mapping(old: Any, new: Mapping[str, Any], kind: str, label: str, path: Path) -> Any:
    if not isinstance(old, dict):
        raise _mismatch(old, new, label, path)
    if (kind, path) in _REPLACED:
        return dict(new) if new else old
    _merge_mapping(old, new, kind, label, path)
    return old


def _merged_list(old: Any, new: list[Any], kind: str, label: str, path: Path) -> Any:
    if _is_argument(path):
        return new or old
    if not isinstance(old, list):
        raise _mismatch(old, new, label, path)
    if (kind, path) in _REPLACED:
        return new or old
    keys = _KEYED.get((kind, path))
    if keys is None:
        return old + new
    return _merged_by_key(old, new, keys, lambda left, right: _merge_mapping(left, right, kind, label, path + ("*",)))


def _merged_by_key(
    old: list[Any], new: Sequence[Any], keys: Sequence[str], join: Callable[[dict[str, Any], dict[str, Any]], None]
) -> list[Any]:
    for item in new:
        match = next((known for known in old if _same_item(known, item, keys)), None)
        if match is None:
            old.append(item)
        else:
            join(match, item)
    return old


def _same_item(left: Any, right: Any, keys: Sequence[str]) -> bool:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    return any(right.get(key) is not None and left.get(key) == right.get(key) for key in keys)


def _is_argument(path: Path) -> bool:
    """Return whether the path is a value of extraArgs: text or list, taken as a whole."""
    return len(path) > 1 and path[-2] == "extraArgs"


def _same(old: Any, new: Any, wanted: type, label: str, path: Path) -> Any:
    if not isinstance(old, wanted) and isinstance(old, (dict, list)):
        raise _mismatch(old, new, label, path)
    return new


def _mismatch(old: Any, new: Any, label: str, path: Path) -> MergeError:
    return MergeError(
        f"{label}: {_dotted(path)}: the patch has {_kind(new)} where the configuration has {_kind(old)}; "
        "give both the same shape"
    )


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else "a value"


def _dotted(path: Path) -> str:
    return ".".join(path)
