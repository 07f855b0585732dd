"""From options and data to an estimator that is ready to be fitted."""

import argparse
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crmsprop.cli.data import Data
from crmsprop.cli.options import flag_of, given_parameters
from crmsprop.cli.parser import UsageError
from crmsprop.cli.recipes import RECIPES
from crmsprop.cli.reference import split_last
from crmsprop.errors import check_choice, check_real
from crmsprop.estimators import MLPClassifier

#: Of images that no layer is too large for; nothing of this size is computed.
ANY_SHAPE = (4096, 4096, 3)


class Job(NamedTuple):
    """An estimator, and the arguments of its ``fit``."""

    estimator: Any
    fit: Mapping[str, Any]


def without_data(options: argparse.Namespace, searched: Collection[str] = ()) -> Any:
    """Return the estimator that the options describe, as far as they do without data; `searched` as for `make_job`.

    Raises
    ------
    UsageError
        If an option does nothing, whatever the data. Where --model is not given, they choose between cnn and mlp.
    """
    given = given_parameters(options)
    name = options.model or ("mlp" if "hidden_layer_sizes" in {*given, *searched} else "cnn")
    parameters = {**RECIPES[name].parameters, **given}
    _check_given(name, given, parameters, searched)
    return RECIPES[name].estimator(**parameters)


def check_parameters(model: Any) -> None:
    """Raise TypeError or ValueError for what `fit` would refuse whatever the data: large ones take long to read."""
    model._plan(model._seeds().order)
    check_choice("dtype", model.dtype or "float32", ("float32", "float64"))
    model._layers(ANY_SHAPE, 1)


def make_job(options: argparse.Namespace, data: Data, searched: Collection[str] = ()) -> Job:
    """Return the estimator that the options describe, for these data; `searched` parameters will get other values.

    Raises
    ------
    UsageError
        If the model needs images and the data are rows or smaller images, or an option does not apply to the model.
    TypeError, ValueError
        If the share of validation data is out of its range. The other parameters are checked by ``fit``.
    """
    name = model_name(options, data)
    recipe = RECIPES[name]
    given = given_parameters(options)
    parameters = {**recipe.parameters, **given}
    _check_given(name, given, parameters, searched)
    if parameters.get("augmentation") is not None and not data.holds_images:
        raise UsageError(f"--augment needs images, got rows of {data.X.shape[1]} features: give --image-shape")
    _check_size(name, data, "a larger --image-shape" if Path(options.data).is_dir() else "larger images")
    estimator = _make_estimator(name, parameters, data)
    if not recipe.validates_on_last:
        return Job(estimator, {"X": data.X, "y": data.y})
    fraction = check_real("validation_fraction", parameters["validation_fraction"], "(0, 1)")
    return Job(estimator, split_last(data.X, data.y, fraction))


def watched(data: Data, job: Job) -> Data:
    """Return the data with the number of samples that watch the training, as `fit` will hold them out."""
    if "X_val" in job.fit:
        return data._replace(watching=len(job.fit["X_val"]))
    fraction = job.estimator.validation_fraction
    if fraction is None and _watches_validation(job.estimator.get_params(deep=False)):
        fraction = 0.1
    valid = fraction is not None and 0 < fraction < 1  # or fit will refuse it
    return data._replace(watching=math.ceil(fraction * len(job.fit["X"])) if valid else 0)


def model_name(options: argparse.Namespace, data: Data) -> str:
    """Return what --model is, or what it is for these data where it is not given."""
    return options.model or ("cnn" if data.holds_images else "mlp")


def _check_size(name: str, data: Data, larger: str) -> None:
    """UsageError where images are too small for the model, with what can be larger."""
    smallest = RECIPES[name].smallest
    height, width = data.X.shape[1:3] if data.holds_images else (smallest, smallest)
    if min(height, width) < smallest:
        rule = f"--model {name} needs images of at least {smallest} x {smallest} pixels, got {height} x {width}"
        raise UsageError(f"{rule}: give {larger} or another --model")


def _make_estimator(name: str, parameters: dict[str, Any], data: Data) -> Any:
    takes_rows = RECIPES[name].estimator is MLPClassifier
    if takes_rows and data.holds_images:
        parameters = {**parameters, "image_shape": data.X.shape[1:]}
    if not takes_rows and not data.holds_images:
        wanted = f"--model {name} needs images, got rows of {data.X.shape[1]} features"
        raise UsageError(f"{wanted}: give --image-shape, or --model mlp")
    return RECIPES[name].estimator(**parameters)


def _check_given(name: str, given: Mapping[str, Any], parameters: Mapping[str, Any], searched: Collection[str]) -> None:
    """UsageError where an option that was given would do nothing."""
    known = RECIPES[name].estimator._get_param_names()
    stops = bool(parameters.get("early_stopping")) or "early_stopping" in searched
    flags = {**{key: flag_of(key) for key in given}, **{key: f"--param {key}" for key in searched}}
    for parameter, flag in flags.items():
        if parameter not in known:
            raise UsageError(f"{flag} does not apply to --model {name}")
        if parameter in given and parameter in searched:
            raise UsageError(f"{flag_of(parameter)} does nothing with {flag}")
        if parameter in ("monitor", "patience", "min_delta", "restore_best") and not stops:
            raise UsageError(f"{flag} does nothing without --early-stopping")
    if "validation_fraction" in given and given["validation_fraction"] is None and _watches_validation(parameters):
        raise UsageError(f"{flags['validation_fraction']} none leaves early stopping nothing to look at")


def _watches_validation(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters.get("early_stopping")) and str(parameters.get("monitor", "val_")).startswith("val_")
