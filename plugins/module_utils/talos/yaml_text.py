# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as Talos reads it, and a dump whose bytes depend on the content alone.

Talos decodes with Go's yaml.v3: ``yes``, ``on`` and ``off`` are strings, ``0o644`` and ``0644`` are octal numbers,
dates stay strings, a key given twice is an error. The loader here does the same. The dumper quotes whatever a YAML 1.1
reader or a YAML 1.2 reader would not take for the string it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require

YAML_IMPORT_ERROR: ImportError | None = None
try:
    import yaml

    # Not the C loader: it crashes on deeply nested text, and its messages differ between machines.
    _LoaderBase: Any = yaml.SafeLoader
    _DumperBase: Any = yaml.SafeDumper
except ImportError as _error:
    YAML_IMPORT_ERROR = _error
    _LoaderBase = object
    _DumperBase = object

Path = tuple[str, ...]
# Values that aliases may stand for in one document; a few lines of aliases to aliases can stand for billions.
_MOST_ALIASED = 100_000
_LONGEST_SHOWN = 40
_INDENT = 4
_WIDTH = 1 << 20


class YamlError(Exception):
    """Text that is not the YAML we expect; the text of the error is one line with file, line, cause and remedy."""

    def __init__(self, source: str, line: int, cause: str, remedy: str = "") -> None:
        self.source = source
        self.line = line
        self.cause = cause
        self.remedy = remedy
        where = f"{source}:{line}" if line else source
        super().__init__(f"{where}: {cause}; {remedy}" if remedy else f"{where}: {cause}")


class _Loader(_LoaderBase):
    """Safe loader with the scalar rules of Go's yaml.v3."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        """Build a mapping with string keys, refusing a key that is given twice."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "expected a mapping", node.start_mark)
        merged = any(key.tag == "tag:yaml.org,2002:merge" for key, value in node.value)
        if merged:
            self.flatten_mapping(node)
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "mapping key must be a scalar", key_node.start_mark)
            key = key_node.value
            if key in mapping and not merged:
                raise yaml.constructor.ConstructorError(
                    None, None, f"mapping key {key!r} is given twice", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping

    def construct_yaml_map(self, node: Any) -> Any:
        """Yield the mapping of a node, as PyYAML's constructors do."""
        data: dict[str, Any] = {}
        yield data
        data.update(self.construct_mapping(node))

    def construct_yaml_int(self, node: Any) -> int:
        """Read 1, 0x1f, 0o17, 017 and 0b1."""
        text = self.construct_scalar(node).replace("_", "")
        sign = -1 if text.startswith("-") else 1
        digits = text.lstrip("+-").lower()
        for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
            if digits.startswith(prefix):
                return sign * int(digits[2:], base)
        if len(digits) > 1 and digits.startswith("0"):
            return sign * int(digits, 8)
        return sign * int(digits)

    def construct_yaml_float(self, node: Any) -> float:
        """Read decimal numbers with a fraction or an exponent, .inf and .nan."""
        text = self.construct_scalar(node).replace("_", "").lower()
        if text.endswith((".inf", ".nan")):
            return float(text.replace(".", ""))
        return float(text)

    def construct_yaml_bool(self, node: Any) -> bool:
        """Read true and false."""
        return bool(self.construct_scalar(node).lower() == "true")


class _Dumper(_DumperBase):
    """Dumper with Talos' indentation, without anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Indent as Go does: four spaces, but the keys of a list item start right behind its dash."""
        if self.indent is None or flow or not self.sequence_context:
            return super().increase_indent(flow, False)
        self.indents.append(self.indent)
        self.indent += 2
        return None

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal objects twice."""
        return True


_INT = re.compile(r"^(?:[-+]?[1-9][0-9_]*|[-+]?0|[-+]?0[0-7_]+|[-+]?0o[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?0b[01_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_MERGE = re.compile(r"^<<$")
_OTHER_BREAK = re.compile("[\r\x85\u2028\u2029]")
_AMBIGUOUS = re.compile(r"^(?:y|Y|n|N|=|<<)$")


def _text(dumper: Any, value: str) -> Any:
    if _OTHER_BREAK.search(value):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')
    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    if any(pattern.match(value) for pattern in (_INT, _FLOAT, _BOOL, _NULL, _AMBIGUOUS)):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')
    return dumper.represent_scalar("tag:yaml.org,2002:str", value)


def _typed(construct: Any) -> Any:
    """Return a constructor that says where a text is that is no value of its type."""

    def constructor(loader: Any, node: Any) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, AttributeError, OverflowError):
            cause = f"no value of its type: {str(node.value)[:_LONGEST_SHOWN]}"
            raise yaml.constructor.ConstructorError(None, None, cause, node.start_mark) from None

    return constructor


if YAML_IMPORT_ERROR is None:
    for _tag, _pattern, _first in (
        ("bool", _BOOL, "tTfF"),
        ("null", _NULL, ["~", "n", "N", ""]),
        ("int", _INT, "-+0123456789"),
        ("float", _FLOAT, "-+0123456789."),
        ("merge", _MERGE, "<"),
    ):
        _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
    _Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_yaml_map)
    _Loader.add_constructor("tag:yaml.org,2002:int", _typed(_Loader.construct_yaml_int))
    _Loader.add_constructor("tag:yaml.org,2002:float", _typed(_Loader.construct_yaml_float))
    _Loader.add_constructor("tag:yaml.org,2002:timestamp", _typed(_Loader.construct_yaml_timestamp))
    _Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.construct_yaml_bool)
    _Dumper.add_representer(str, _text)


def load_all(text: str, source: str) -> list[Any]:
    """Return the documents of a YAML stream as plain data; empty documents are left out.

    :param source: file name or other origin, for the error.
    :raises YamlError: with file and line.
    """
    return [value for value, positions in load_all_with_lines(text, source)]


def load_all_with_lines(text: str, source: str) -> list[tuple[Any, dict[Path, int]]]:
    """Return ``(document, lines)`` pairs; ``lines`` maps the path of each key and list item to its line (from 1)."""
    require("PyYAML", YAML_IMPORT_ERROR)
    loader = None
    try:
        loader = _Loader(text)
        documents = []
        while loader.check_node():
            node = loader.get_node()
            _refuse_multiplied(node, source)
            value = loader.construct_document(node)
            if value is not None:
                documents.append((value, dict(_lines(node, ()))))
        return documents
    except yaml.YAMLError as error:
        raise _from_yaml(error, source) from error
    except RecursionError as error:
        raise YamlError(source, 0, "YAML is nested too deeply or refers to itself") from error
    finally:
        if loader is not None:
            loader.dispose()


def dump_all(documents: Sequence[Any]) -> str:
    """Return the documents as a YAML stream: keys in their order, four spaces, ``---`` between documents."""
    return "---\n".join(dump(document) for document in documents)


def dump(document: Any) -> str:
    """Return one document as YAML text that ends with a newline."""
    require("PyYAML", YAML_IMPORT_ERROR)
    text = yaml.dump(
        document,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        indent=_INDENT,
        width=_WIDTH,
    )
    return text[: -len("...\n")] if text.endswith("\n...\n") else text


def _refuse_multiplied(node: Any, source: str) -> None:
    """Refuse a document whose aliases stand for more than anybody writes; one that refers to itself is seen later."""
    sizes: dict[int, int] = {}

    def size(each: Any) -> int:
        if id(each) not in sizes:
            sizes[id(each)] = 0
            pairs = each.value if isinstance(each, yaml.MappingNode) else ()
            items = each.value if isinstance(each, yaml.SequenceNode) else [part for pair in pairs for part in pair]
            sizes[id(each)] = 1 + sum(size(item) for item in items)
        return sizes[id(each)]

    if size(node) - len(sizes) > _MOST_ALIASED:
        cause = f"YAML holds too much: its aliases stand for more than {_MOST_ALIASED} values"
        raise YamlError(source, 0, cause, "write out what is meant")


def _lines(node: Any, path: Path) -> Any:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield path + (key.value,), key.start_mark.line + 1
                yield from (item for item in _lines(value, path + (key.value,)) if item[0] != path + (key.value,))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, path + (str(index),))


def _from_yaml(error: Any, source: str) -> YamlError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    cause = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable as YAML"
    cause = " ".join(str(cause).split())
    return YamlError(source, mark.line + 1 if mark else 0, f"YAML is broken: {cause}", "correct that line")
