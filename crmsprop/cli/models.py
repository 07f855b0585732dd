"""From options and data to an estimator that is ready to be fitted."""

import argparse
from typing import Any, NamedTuple

from crmsprop.cli.data import Data
from crmsprop.cli.options import flag_of, given_parameters
from crmsprop.cli.parser import UsageError
from crmsprop.cli.recipes import RECIPES
from crmsprop.cli.reference import split_last
from crmsprop.errors import check_real
from crmsprop.estimators import MLPClassifier


class Job(NamedTuple):
    """An estimator, and the arguments of its ``fit``."""

    estimator: Any
    fit: dict[str, Any]


def make_job(options: argparse.Namespace, data: Data) -> Job:
    """Return the estimator that the options describe, for these data.

    Raises
    ------
    UsageError
        If the model needs images and the data are rows, or an option does not apply to the model.
    TypeError, ValueError
        If the share of validation data is out of its range. The other parameters are checked by ``fit``.
    """
    name = options.model or ("cnn" if data.holds_images else "mlp")
    recipe = RECIPES[name]
    given = given_parameters(options)
    parameters = {**recipe.parameters, **given}
    _check_given(name, given, parameters)
    if parameters.get("augmentation") is not None and not data.holds_images:
        raise UsageError(f"--augment needs images, got rows of {data.X.shape[1]} features: give --image-shape")
    estimator = _make_estimator(name, parameters, data)
    if not recipe.validates_on_last:
        return Job(estimator, {"X": data.X, "y": data.y})
    fraction = check_real("validation_fraction", parameters["validation_fraction"], "(0, 1)")
    return Job(estimator, split_last(data.X, data.y, fraction))


def _make_estimator(name: str, parameters: dict[str, Any], data: Data) -> Any:
    takes_rows = RECIPES[name].estimator is MLPClassifier
    if takes_rows and data.holds_images:
        parameters = {**parameters, "image_shape": data.X.shape[1:]}
    if not takes_rows and not data.holds_images:
        wanted = f"--model {name} needs images, got rows of {data.X.shape[1]} features"
        raise UsageError(f"{wanted}: give --image-shape, or --model mlp")
    return RECIPES[name].estimator(**parameters)


def _check_given(name: str, given: dict[str, Any], parameters: dict[str, Any]) -> None:
    """UsageError where an option that was given would do nothing."""
    known = RECIPES[name].estimator._get_param_names()
    for parameter in given:
        if parameter not in known:
            raise UsageError(f"{flag_of(parameter)} does not apply to --model {name}")
        if parameter == "validation_fraction" and given[parameter] is None and _watches_validation(parameters):
            raise UsageError(f"{flag_of(parameter)} none leaves early stopping nothing to look at")
        if parameter in ("monitor", "patience", "min_delta", "restore_best") and not parameters.get("early_stopping"):
            raise UsageError(f"{flag_of(parameter)} does nothing without --early-stopping")


def _watches_validation(parameters: dict[str, Any]) -> bool:
    return bool(parameters.get("early_stopping")) and str(parameters.get("monitor", "val_")).startswith("val_")
