"""What our docstrings need on their way into a page; in `help` they stay as they are."""

import re
from typing import Any

from sphinx.application import Sphinx


def skip_foreign(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out members that a base class of another library brings, and classes within classes."""
    return True if what == "class" and (isinstance(member, type) or not _is_ours(member)) else None


def escape_stars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The star in "ndarray of shape (n, *shape)" begins no emphasis."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"(shape \([^)`]*, )\*", r"\1\\*", line)


def unlink_bare_properties(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """numpydoc links every property among the attributes, also one whose only description stands there."""
    for number, line in enumerate(lines):
        link = re.search(r":obj:`(\w+) <[\w.]+>`", line) if what == "class" else None
        if link and not _is_ours(getattr(obj, link[1])):
            lines[number] = line.replace(link[0], f"**{link[1]}**")


def _is_ours(member: Any) -> bool:
    """Whether a function, method or property stands in our code with a text of its own."""
    function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    return str(getattr(function, "__module__", None)).startswith("crmsprop")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", escape_stars, priority=400)  # numpydoc has 500
    app.connect("autodoc-process-docstring", unlink_bare_properties, priority=600)
    return {"parallel_read_safe": True}
