"""What the library says to somebody who writes Python, in the words of the command line."""

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from crmsprop.cli.options import with_flags

#: What is said of values that no option has, and of parameters behind the beginning of a message; and what instead.
SAID = (
    (r"must be None, an integer in (\S+ \S+) or a numpy\.random\.RandomState", r"must be an integer in \1"),
    (r"must be None or an integer of at least", "must be an integer of at least"),
    (r"'features', a number of layers, a function or None", "features, a number of layers or none"),
    (r"'valid', 'same' or an integer of at least 0", "'valid' or 'same'"),
    (r"'val_accuracy', 'val_score', got (\S+?)(: did you mean 'val_score'\?)?$", r"'val_accuracy', got \1"),
    (
        r"^at most one of clip_value, clip_norm, global_clip_norm may be given, got .*",
        "at most one of --clip-value, --clip-norm, --global-clip-norm may be given",
    ),
    (
        r"^scoring must be set where monitor is ('val_score'), got None",
        r"--monitor must be one of 'loss', 'val_loss', 'accuracy', 'val_accuracy', got \1",
    ),
    (r"must be above min_learning_rate", "must be above --min-learning-rate"),
    (r"^nesterov needs momentum in (.*), got momentum=", r"--nesterov needs --momentum in \1, got "),
    (
        r"must be (?:None|False) unless X has shape .* is set, got .* for (rows .*)",
        r"must not be given for \1: give --image-shape where they hold images",
    ),
    (
        r"^fill_value of .* needs an operation with fill_mode='constant', got '(\w+)'",
        r"--augment must have an operation with fill_mode=constant where there is fill_value, got \1",
    ),
    (
        r"validation_fraction \(a tenth by default with early_stopping\) must",
        "--validation-fraction (a tenth by default with --early-stopping) must",
    ),
    (r"set validation_fraction=(\S+) or more", r"give --validation-fraction \1 or more"),
    (r"give more samples, or X_val and y_val", "give more samples"),
    (r"Try a lower learning_rate,", "Try a lower --learning-rate,"),
    (r"(?:(?<=or give )|^)skip_broken=True(?= )", "--skip-broken"),
    (r"no CIFAR-10 in data_home=", "no CIFAR-10 in --data-home "),
    (r"as data_home, or put (\S+) there, or", r"as --data-home, or put \1 there, or"),
    (r"or allow download=True$", "or leave out --no-download"),
    (r"give its folder as data_home$", "give its folder as --data-home"),
    (r"^data_home must", "--data-home must"),
)


def in_words_of_options(message: str) -> str:
    """Return an error message of the library with options in place of parameters, and values as they are typed."""
    for pattern, words in SAID:
        message = re.sub(pattern, words, message)
    return with_flags(message)


def as_typed(message: str, arguments: Sequence[str]) -> str:
    """Return a message about an option with the number that it ends with as it was typed: -1, where it is -1.0."""
    found = re.fullmatch(r"(--[\w-]+) must .*, got (-?\d+\.0)", message)
    if found is None:
        return message
    words = [word for argument in arguments for word in argument.split("=")]
    for flag, text in pairwise(words):
        with suppress(ValueError):
            if flag == found[1] and float(text) == float(found[2]):
                return message[: found.start(2)] + text
    return message
