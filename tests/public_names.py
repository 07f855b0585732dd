"""What is public: what a page of the reference has to be there for, with a docstring that is whole and an example."""

import importlib
import inspect

#: Where the public names live: all that stands in ``__all__``, and the functions of a module that has none.
PACKAGES = (
    "crmsprop",
    "crmsprop.augment",
    "crmsprop.callbacks",
    "crmsprop.cli",
    "crmsprop.datasets",
    "crmsprop.display",
    "crmsprop.estimators",
    "crmsprop.nn",
    "crmsprop.nn.models",
    "crmsprop.schedules",
)
#: Of modules that are there for the package itself, what is there for users, too.
CHOSEN = {
    "crmsprop.errors": ("DivergenceError", "FileFormatError", "MissingExtraError", "TrainingInterruptedWarning"),
    "crmsprop.persistence": ("export_onnx", "export_safetensors", "import_weights", "load_network", "save_network"),
}
MODULES = (*PACKAGES, *CHOSEN)


def names_in(module):
    """Return the public names of one of MODULES."""
    if module in CHOSEN:
        return CHOSEN[module]
    found = importlib.import_module(module)
    return getattr(found, "__all__", None) or [name for name in vars(found) if _is_function_of(found, name)]


def public_names():
    """Return every public name and its object: ``crmsprop.nn.Dense``."""
    return {
        f"{module}.{name}": getattr(importlib.import_module(module), name)
        for module in MODULES
        for name in names_in(module)
    }


def _is_function_of(module, name):
    value = getattr(module, name)
    return inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
