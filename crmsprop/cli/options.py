"""The options that are parameters of the estimators: which network, and how to train it."""

import argparse
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from crmsprop.cli.augmentations import OPERATIONS, parse_augmentation
from crmsprop.cli.recipes import RECIPES
from crmsprop.cli.schedules import GRAMMAR, SCHEDULES, parse_schedule


class Option(NamedTuple):
    """An option that sets one parameter of an estimator.

    Attributes
    ----------
    parameter : str
        Its name.
    meaning : str
        The help text, without the default.
    type : callable
        What makes a value of the text; bool makes a pair of switches.
    metavar : str
    flag : str
        Where it is not the parameter's own name.
    many : bool
        Whether it takes several values.
    default : str
        The default in words, where the value itself says too little.
    words : collection of str
        What a value begins with, where it can have commas of its own.
    """

    parameter: str
    meaning: str
    type: Callable[[str], Any]
    metavar: str = "N"
    flag: str = ""
    many: bool = False
    default: str = ""
    words: Collection[str] = ()


def number_or_none(text: str) -> float | None:
    """Return a number; None for ``none``.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is neither.
    """
    try:
        return None if text == "none" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or none, got {text!r}") from None


def _layers_to_freeze(text: str) -> str | int | None:
    if text == "none":
        return None
    return int(text) if text.lstrip("-").isdigit() else text


NETWORK = (
    Option("filters", "filters of each convolution", int, many=True),
    Option("kernel_size", "height and width of the filters", int),
    Option("pool_size", "height and width of the windows of the max-pool behind each convolution", int),
    Option("padding", "of the convolutions: same, as large as before, or valid, without a border", str, "NAME"),
    Option("dense_units", "units of each dense layer behind the convolutions, the output apart", int, many=True),
    Option("hidden_layer_sizes", "units of each hidden layer", int, many=True),
    Option("activation", "after each hidden layer: relu, identity, tanh or logistic", str, "NAME"),
    Option("dropout", "fraction of each dense layer that is dropped in training, in [0, 1)", float, "F"),
    Option(
        "dtype",
        "what to compute in: float32 or float64",
        str,
        "TYPE",
        default="float32 for data of uint8 and float32, else float64",
    ),
)

TRAINING = (
    Option("max_epochs", "passes over the training data", int, flag="--epochs"),
    Option("batch_size", "samples a step", int),
    Option("learning_rate", "step size of RMSprop, at least 0", float, "F"),
    Option(
        "schedule",
        f"how the learning rate moves: {GRAMMAR}",
        parse_schedule,
        "NAME[:PARAMETER=VALUE,...]",
        default="cosine; fast: warmup:epochs=1 then@1 cosine; reference: inverse-time:decay=1e-6, and a tenth of the "
        "rate before in each epoch from the twelfth on",
        words=("constant", *SCHEDULES),
    ),
    Option("rho", "decay of RMSprop's mean square, in [0, 1)", float, "F"),
    Option("epsilon", "added to RMSprop's root, at least 0", float, "F"),
    Option("eps_in_sqrt", "add epsilon under the root, as Keras does, in place of to the root", bool),
    Option("momentum", "momentum of RMSprop, in [0, 1)", float, "F"),
    Option("centered", "divide by the gradient's standard deviation, in place of its root mean square", bool),
    Option("nesterov", "step ahead along the momentum", bool),
    Option("l2", "L2 penalty: adds F * weight to the gradient of each weight", float, "F"),
    Option("weight_decay", "decoupled decay: each step takes rate * F * weight off each weight", float, "F"),
    Option("clip_value", "largest absolute value of an element of a gradient, or none", number_or_none, "F"),
    Option("clip_norm", "largest norm of one array's gradient, or none", number_or_none, "F"),
    Option("global_clip_norm", "largest norm of all gradients together, or none", number_or_none, "F"),
    Option(
        "ema",
        "decay of a moving average of the weights, in [0, 1), such as 0.999, or none: the average is what validates, "
        "predicts and is saved",
        number_or_none,
        "F",
    ),
    Option(
        "augmentation",
        f"what is done to each image in each epoch, joined by +: {', '.join(OPERATIONS)}, with their parameters as in "
        'crmsprop.augment, such as "flip + rotation:15 + translation:0.1,fill_mode=reflect"',
        parse_augmentation,
        "NAME[:VALUE,...]",
        flag="--augment",
        default="cnn, mlp and reference: none; the others: flip + crop:2",
        words=("none", *OPERATIONS),
    ),
    Option("label_smoothing", "share of each label that is spread over all classes, in [0, 1)", float, "F"),
    Option(
        "validation_fraction",
        "share of the training data that is held out to watch the training, in (0, 1), or none: the same share of each "
        "class; for reference the last samples",
        number_or_none,
        "F",
    ),
    Option("early_stopping", "stop when --monitor has not improved for --patience epochs", bool),
    Option(
        "monitor",
        "what early stopping watches: loss, val_loss, accuracy or val_accuracy; val_ is on the validation data",
        str,
        "COLUMN",
    ),
    Option("patience", "epochs without improvement that early stopping bears", int),
    Option("min_delta", "what has to be exceeded to count as an improvement, at least 0", float, "F"),
    Option("restore_best", "with early stopping, end with the weights of the best epoch", bool),
    Option(
        "flip_predictions", "predict from the mean output for an image and for its mirror image (images only)", bool
    ),
    Option(
        "random_state",
        "seed of weights, held-out samples, order of samples, dropout and augmentation",
        int,
        flag="--seed",
    ),
    Option(
        "n_threads",
        "threads to use; the number never changes the result",
        int,
        flag="--threads",
        default="every core that the process may use",
    ),
)

FINDER = (
    Option("min_learning_rate", "learning rate of the first batch, above 0", float, "F", default="1e-7"),
    Option("max_learning_rate", "learning rate of the last batch, unless the loss explodes", float, "F", default="10"),
    Option("steps", "batches; each one's rate is the same multiple of the one before", int, default="100"),
)

#: Options of fine-tune, of the same names as its parameters.
FREEZING = (
    Option(
        "freeze",
        "layers that stay as they are: features for all before the first dense one, so many from the first on, or none",
        _layers_to_freeze,
        "WHAT",
        default="features",
    ),
    Option("unfreeze_after", "epochs after which all layers learn", int, default="never"),
)

ALL = (*NETWORK, *TRAINING, *FINDER, *FREEZING)


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which network."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--model",
        choices=list(RECIPES),
        help='"cnn": convolutions with max-pooling, then dense layers; "mlp": dense layers only; "tuned": the network '
        'of "reference" with batch normalization, augmentation, momentum and a cosine; "fast": a modern network for '
        'images from 25 x 25 pixels on; "vgg16": VGG-16 with batch normalization, from 32 x 32 on; "resnet20": '
        'residual blocks; "reference": the '
        "CIFAR-10 program that this project answers, layer for layer and line for line (default: cnn for images, mlp "
        "for rows)",
    )
    for option in NETWORK:
        _add(group, option)


def add_training_options(
    parser: argparse.ArgumentParser,
    parameters: Collection[str] | None = None,
    title: str = "training",
    default: str = "",
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add the options that say how to train; only those of `parameters`, unless it is None.

    `default` says in words what holds where an option is not given, if that is not the parameter's own default;
    `defaults` does so for single parameters.
    """
    group = parser.add_argument_group(title)
    for option in TRAINING:
        if parameters is None or option.parameter in parameters:
            _add(group, option._replace(default=defaults.get(option.parameter, default) or option.default))


def add_finder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which learning rates to try."""
    group = parser.add_argument_group("learning rates")
    for option in FINDER:
        _add(group, option)
        group.set_defaults(**{option.parameter: option.type(option.default)})


def add_freezing_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which layers of a model are to stay as they are."""
    group = parser.add_argument_group("layers")
    for option in FREEZING:
        _add(group, option)
    group.set_defaults(freeze="features", unfreeze_after=None)
    group.add_argument(
        "--keep-head",
        action="store_true",
        help="keep the output layer, for labels that the model knows (default: a new one)",
    )


def given_parameters(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that the user gave an option for."""
    given = vars(options)
    return {option.parameter: given[option.parameter] for option in (*NETWORK, *TRAINING) if option.parameter in given}


def flag_of(parameter: str) -> str:
    """Return the option that sets `parameter`."""
    return next(_flag(option) for option in ALL if option.parameter == parameter)


def with_flags(message: str) -> str:
    """Return an error message about a parameter as one about the option that sets it, with sizes as they are typed."""
    flags = {"image_shape": "--image-shape", **{option.parameter: _flag(option) for option in ALL}}
    found = re.match(r"(\w+)(?=(\[\d+\])? must )", message)
    if found is None or found[1] not in flags:
        return message
    typed = re.sub(
        r"\b(such as|got) \((\d+(?:, \d+)*),?\)", lambda sizes: f"{sizes[1]} {sizes[2].replace(',', '')}", message
    )
    return flags[found[1]] + typed[found.end() :]


def _flag(option: Option) -> str:
    return option.flag or "--" + option.parameter.replace("_", "-")


def _add(group: Any, option: Option) -> None:
    text = f"{option.meaning} (default: {option.default or _default_of(option)})".replace("%", "%%")
    keywords: dict[str, Any] = {"dest": option.parameter, "help": text, "default": argparse.SUPPRESS}
    if option.type is bool:
        keywords["action"] = argparse.BooleanOptionalAction
    else:
        keywords.update(type=option.type, metavar=option.metavar, nargs="+" if option.many else None)
    group.add_argument(_flag(option), **keywords)


def _default_of(option: Option) -> str:
    """Return the default in words, model by model where they differ."""
    shown: dict[str, list[str]] = {}
    for name, recipe in RECIPES.items():
        if option.parameter in recipe.estimator._get_param_names():
            shown.setdefault(_in_words(recipe.value(option.parameter)), []).append(name)
    if len(shown) == 1:
        return next(iter(shown))
    return "; ".join(f"{' and '.join(names)}: {value}" for value, names in shown.items())


def _in_words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return " ".join(str(item) for item in value) if isinstance(value, tuple) else f"{value:g}"
