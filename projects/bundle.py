"""Find the page's modules, and bundle them into one.

A checkout serves the modules as they are. `collectstatic` makes one file of them, which a slow
connection brings in one round trip. It knows the forms of `import` and `export` that this page
uses, and refuses any other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

Read = Callable[[str], str]
"""Returns the source of a module, by its name among the static files."""

_IMPORT = re.compile(r'(?m)^import\s+(?:(\{[^}]*\}|\*\s+as\s+\w+)\s+from\s+)?"(\.[^"]+)";\n')
_EXPORT_FROM = re.compile(r'(?m)^export\s+(\{[^}]*\}|\*)\s+from\s+"(\.[^"]+)";\n')
_EXPORT_NAMES = re.compile(r"(?m)^export\s+\{([^}]*)\};\n")
_EXPORT = re.compile(r"(?m)^export (?=(?:async function\*?|function\*?|class|const)\s+(\w+))")
_UNKNOWN = re.compile(r"(?m)^\s*(?:import|export)\b.*|.*\bimport\s*(?:\(|\.).*")
_COMMENT = re.compile(r"(?ms)^[ \t]*(?:/\*.*?\*/|//[^\n]*)\n|/\*\* .*?\*/ ?")
"""A comment on lines of its own, or one that tells a type."""


class Unbundleable(ValueError):
    """Refuse a module with a form of import or export that the bundle does not know."""


def modules(main: str, read: Read) -> list[str]:
    """Return the modules that `main` needs, with itself, each after those that it imports.

    Raises:
        Unbundleable: if two import each other.
    """
    order: list[str] = []

    def visit(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise Unbundleable(f"A circle of imports: {' → '.join((*importers, name))}")
        if name in order:
            return
        source = _COMMENT.sub("", read(name))
        for pattern in (_IMPORT, _EXPORT_FROM):
            for match in pattern.finditer(source):
                visit(_resolve(match[2], name), (*importers, name))
        order.append(name)

    visit(main, ())
    return order


def bundle(main: str, read: Read) -> str:
    """Return one module in place of `main` and all that it imports.

    Raises:
        Unbundleable
    """
    names = modules(main, read)
    variables = {name: f"module{number}" for number, name in enumerate(names)}
    return "\n".join(_wrapped(name, read(name), variables) for name in names)


def _wrapped(name: str, source: str, variables: dict[str, str]) -> str:
    """Return a module as a constant, an object of its exports."""
    exports: list[str] = []

    def imported(match: re.Match[str]) -> str:
        variable = variables[_resolve(match[2], name)]
        if match[1] is None:
            return ""  # it has run already
        target = match[1].removeprefix("* as ").replace(" as ", ": ")
        return f"const {target} = {variable};\n"

    def passed_on(match: re.Match[str]) -> str:
        variable = variables[_resolve(match[2], name)]
        if match[1] == "*":
            exports.append(f"...{variable}")
        for own, public in _names(match[1].strip("{}*")):
            exports.append(f"{public}: {variable}.{own}")
        return ""

    def listed(match: re.Match[str]) -> str:
        exports.extend(f"{public}: {own}" for own, public in _names(match[1]))
        return ""

    def declared(match: re.Match[str]) -> str:
        exports.append(match[1])
        return ""

    source = _COMMENT.sub("", source)
    source = _IMPORT.sub(imported, source)
    source = _EXPORT_FROM.sub(passed_on, source)
    source = _EXPORT_NAMES.sub(listed, source)
    source = _EXPORT.sub(declared, source)
    if unknown := _UNKNOWN.search(source):
        raise Unbundleable(f"{name}: {unknown[0].strip()}")
    return (
        f"const {variables[name]} = (() => {{\n{source}return {{ {', '.join(exports)} }};\n}})();"
    )


def _names(listed: str) -> list[tuple[str, str]]:
    """Return the own and the public name of each of `a, b as c`."""
    parts = [part.split(" as ") for part in listed.split(",") if part.strip()]
    return [(part[0].strip(), part[-1].strip()) for part in parts]


def _resolve(specifier: str, importer: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))
