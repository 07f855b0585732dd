"""What several estimators share in their docstrings stands once, in the base that has the parameters."""

import inspect
from typing import Any, TypeVar

Estimator = TypeVar("Estimator", bound=type[Any])


def documented(estimator: Estimator) -> Estimator:
    """Put what the bases of an estimator say into its docstring.

    ``<training parameters>`` stands for the parameters in the docstring of the base whose `_documents` is "training",
    ``<training attributes>`` for its attributes, ``<training notes>`` for its notes.
    """
    if estimator.__doc__:  # none under python -OO
        text = inspect.cleandoc(estimator.__doc__)
        for base in estimator.__mro__:
            name = vars(base).get("_documents")
            for section in ("parameters", "attributes", "notes") if name else ():
                text = text.replace(f"<{name} {section}>", _section(base.__doc__, section.capitalize()))
        estimator.__doc__ = text
    return estimator


def _section(docstring: str | None, title: str) -> str:
    """Return what stands under a title, up to the next one."""
    rule = "-" * len(title)
    _, _, rest = inspect.cleandoc(docstring or "").partition(f"{title}\n{rule}\n")
    lines = rest.split("\n")
    ends = [i - 1 for i, line in enumerate(lines) if line and not line.strip("-")]
    return "\n".join(lines[: ends[0]] if ends else lines).rstrip()
