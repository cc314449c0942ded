"""Names with and without the name scope that they are under."""

from __future__ import annotations

import re


def name_from_scope_name(name: str) -> str:
    return name[:-1] if name.endswith("/") else name


def strip_name_scope(name: str, export_scope: str | None) -> str:
    """A node or input name relative to `export_scope`, with its '^' or 'loc:@' mark kept."""
    if not export_scope:
        return name
    scope = re.escape(export_scope.rstrip("/"))
    return re.sub(rf"^(\^|loc:@|){scope}/", r"\1", name)


def prepend_name_scope(name: str, import_scope: str | None) -> str:
    if not import_scope:
        return name
    return re.sub(r"^(\^|loc:@|)(.*)", rf"\g<1>{import_scope.rstrip('/')}/\2", name)
