"""What the figures of a section depend on, told behind its tables."""

from typing import Any


def conditions(document: dict[str, Any]) -> str:
    """Machine, versions and date, in a sentence."""
    machine, versions = document["machine"], document["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, Python {machine['python']}; {packages}. "
        f"{machine['date']}."
    )
