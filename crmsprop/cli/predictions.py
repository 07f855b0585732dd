"""How ``crmsprop predict`` makes and prints the predictions of classifiers and of regressors."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from crmsprop.cli.parser import UsageError
from crmsprop.cli.report import aligned
from crmsprop.cli.saved import describe
from crmsprop.cli.targets import NUMBERS, targets_of
from crmsprop.cli.terminal import printable
from crmsprop.errors import check_integer

Array = np.ndarray[Any, np.dtype[Any]]

#: Classes that are shown of each sample, if there are so many.
TOP = 3


class Prediction(NamedTuple):
    """The most probable classes of a sample, the first the most probable; or its outputs, in order."""

    sample: str
    labels: list[str]
    values: list[float]


class Form(ABC):
    """Predictions of one kind of model.

    Parameters
    ----------
    model : estimator
    top : int or None
        How many classes to show of each sample.

    Attributes
    ----------
    columns : tuple of str
        Of the CSV.
    """

    columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, model: Any, top: int | None) -> None:
        self.model = model

    @abstractmethod
    def predict(self, names: Sequence[str], X: Array) -> Iterator[Prediction]:
        """Predict samples of these names."""

    @abstractmethod
    def table(self, predictions: Sequence[Prediction]) -> str:
        """Return a line a sample."""

    @abstractmethod
    def rows(self, prediction: Prediction) -> Iterator[tuple[object, ...]]:
        """Return the lines of the CSV."""


class Ranking(Form):
    """The most probable classes, or labels, with their probabilities."""

    columns = ("sample", "rank", "label", "probability")

    def __init__(self, model: Any, top: int | None) -> None:
        super().__init__(model, top)
        n_classes = len(model.classes_)
        self.top = min(TOP, n_classes) if top is None else check_integer("--top", top, 1, n_classes)

    def predict(self, names: Sequence[str], X: Array) -> Iterator[Prediction]:
        """Rank the classes."""
        probabilities = self.model.predict_proba(X)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : self.top]
        for name, row, best in zip(names, probabilities, order, strict=True):
            yield Prediction(name, [str(label) for label in self.model.classes_[best]], row[best].tolist())

    def table(self, predictions: Sequence[Prediction]) -> str:
        """Return a line a sample: its name, then label and probability of each class."""
        columns = [("sample", [printable(one.sample) for one in predictions], "<")]
        for k in range(self.top):
            columns.append(("class", [printable(one.labels[k]) for one in predictions], ">"))
            columns.append(("probability", [f"{one.values[k]:.4f}" for one in predictions], ">"))
        return aligned(columns)

    def rows(self, prediction: Prediction) -> Iterator[tuple[object, ...]]:
        """Return a line a class."""
        for rank, (label, value) in enumerate(zip(prediction.labels, prediction.values, strict=True), start=1):
            yield prediction.sample, rank, label, value


class Outputs(Form):
    """The numbers of a regressor."""

    columns = ("sample", "output", "prediction")

    def __init__(self, model: Any, top: int | None) -> None:
        super().__init__(model, top)
        if top is not None:
            raise UsageError(f"--top is for classes, got a {describe(model)}")
        (n_outputs,) = model.network_.output_shape
        self.labels = [str(i) for i in range(n_outputs)]

    def predict(self, names: Sequence[str], X: Array) -> Iterator[Prediction]:
        """Predict the numbers."""
        for name, row in zip(names, self.model.predict(X).reshape(len(X), -1), strict=True):
            yield Prediction(name, self.labels, row.tolist())

    def table(self, predictions: Sequence[Prediction]) -> str:
        """Return a line a sample: its name, then the numbers."""
        heads = ["prediction"] if len(self.labels) == 1 else [f"output {label}" for label in self.labels]
        numbers = [(head, [f"{one.values[k]:.6g}" for one in predictions], ">") for k, head in enumerate(heads)]
        return aligned([("sample", [printable(one.sample) for one in predictions], "<"), *numbers])

    def rows(self, prediction: Prediction) -> Iterator[tuple[object, ...]]:
        """Return a line a number."""
        for label, value in zip(prediction.labels, prediction.values, strict=True):
            yield prediction.sample, label, value


def form_of(model: Any, top: int | None) -> Form:
    """Return the form of a fitted model's predictions.

    Raises
    ------
    UsageError, ValueError
        If `top` does not fit the model.
    """
    return Outputs(model, top) if targets_of(model) is NUMBERS else Ranking(model, top)
