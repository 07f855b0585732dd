"""What somebody may have meant who gave a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

#: What other libraries and habit call some parameters; "alpha" and "decay" are two things, and not among them.
ALIASES = {
    "aug": "augmentation",
    "eps": "epsilon",
    "learning_rate_init": "learning_rate",
    "lr": "learning_rate",
    "max_iter": "max_epochs",
    "n_epochs": "max_epochs",
    "step_size": "learning_rate",
    "wd": "weight_decay",
}

#: How alike two names have to be, as difflib measures it: its own 0.6 takes "iris" for "digits".
ALIKE = 0.7


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is meant by another one, or None.

    Dashes count as underscores. After that another library's name for it wins, then the only one that begins so, then
    the one that differs in few letters.
    """
    plain = {_plain(one): one for one in known}
    wanted = ALIASES.get(_plain(name), _plain(name))
    longer = [one for one in plain if wanted and one.startswith(wanted)]
    if wanted in plain or len(longer) == 1:
        return plain[wanted if wanted in plain else longer[0]]
    found = get_close_matches(wanted, plain, n=1, cutoff=ALIKE)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about a name that is not known; nothing where none is like it."""
    found = closest(name, known)
    return "" if found is None else f": did you mean {found}?"


def _plain(name: str) -> str:
    return name.strip("-").lower().replace("-", "_")
