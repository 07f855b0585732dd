"""What all estimators say of their parameters stands once: docstrings, and answers to what others call them."""

import inspect
from typing import Any, TypeVar

from crmsprop.errors import answers_keywords

Estimator = TypeVar("Estimator", bound=type[Any])

#: What other libraries call by other names, as the notes of TrainingParameters have it.
ELSEWHERE = {
    **dict.fromkeys(("max_iter", "epochs", "n_iter", "iterations"), "give max_epochs"),
    **dict.fromkeys(("learning_rate_init", "lr", "eta"), "give learning_rate"),
    **dict.fromkeys(("learning_rate_schedule", "lr_scheduler"), "give schedule"),
    "alpha": "give l2, as alpha / batch_size, for that of scikit-learn, and rho for that of torch",
    "decay": "give schedule=InverseTimeDecay(decay)",
    "eps": "give epsilon",
    **dict.fromkeys(("solver", "optimizer"), "it is always RMSprop"),
    "n_iter_no_change": "give patience",
    "tol": "give min_delta",
    "validation_split": "give validation_fraction",
    "clipvalue": "give clip_value",
    "clipnorm": "give clip_norm",
    **dict.fromkeys(("device", "n_jobs"), "give n_threads"),
    "seed": "give random_state",
    "shuffle": "samples are always shuffled",
    "sample_weight": "give it to fit",
}


def documented(estimator: Estimator) -> Estimator:
    """Put what the bases of an estimator say into its docstring; its ``__init__`` answers keywords that are none.

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
    estimator.__init__ = answers_keywords(ELSEWHERE)(estimator.__init__)
    return estimator


def _section(docstring: str | None, title: str) -> str:
    """Return what stands under a title, up to the next one."""
    rule = "-" * len(title)
    _, _, rest = inspect.cleandoc(docstring or "").partition(f"{title}\n{rule}\n")
    lines = rest.split("\n")
    ends = [i - 1 for i, line in enumerate(lines) if line and not line.strip("-")]
    return "\n".join(lines[: ends[0]] if ends else lines).rstrip()
