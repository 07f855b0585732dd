"""What comes from other libraries and goes to them: weights of torch and Keras, and models in ONNX."""

import copy
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from crmsprop.errors import shown
from crmsprop.estimators.fine_tuning import FineTunable
from crmsprop.estimators.inputs import computing_dtype, number_of_samples
from crmsprop.estimators.targets import classes_of
from crmsprop.nn import BinaryCrossEntropy, Loss, PoissonDeviance, SoftmaxCrossEntropy
from crmsprop.persistence import export_onnx, export_safetensors, import_weights
from crmsprop.training import new_history

#: What predicts each kind of targets as a model in ONNX does, and the link there between outputs and predictions.
EXPORTED: dict[str, tuple[type[Loss], str | None]] = {
    "classes": (SoftmaxCrossEntropy, None),  # a softmax, which belongs to the labels
    "labels": (BinaryCrossEntropy, "sigmoid"),
    **dict.fromkeys(("column", "columns"), (Loss, None)),
    **dict.fromkeys(("count", "counts"), (PoissonDeviance, "exp")),
}


class PortableNetwork(FineTunable):
    """Base of the estimators that take weights from other libraries, and give networks to them."""

    def load_weights(
        self, path: str | os.PathLike[str], X: Any = None, classes: Any = None, *, order: Sequence[str] | None = None
    ) -> "PortableNetwork":
        """Take the weights of a torch or Keras model of the same architecture, in place of a training.

        The file is a torch ``state_dict`` in safetensors, or a ``.weights.h5`` of Keras 3. Nothing in it is run. Layers
        are matched by order and shape, and all axes are turned to ours; see `crmsprop.persistence.import_weights` for
        what the layers themselves have to say, such as the epsilon of a normalization. Images stay (n_samples, height,
        width, channels), and what the model got in its training has to be done to them: uint8 images are scaled by
        1/255, as ``ToTensor`` does, and no mean is taken off.

        Parameters
        ----------
        path : str or path-like
        X : array-like, as in `fit`, or None, default=None
            Samples like those that will be predicted, one is enough: their shape and dtype are what `fit` learns from
            its own. None where the estimator is fitted: it keeps its layers and classes, and gets new weights.
        classes : array-like of shape (n_classes,) or None, default=None
            The labels in the order of the model's outputs; they go with X.
        order : sequence of str or None, default=None
            Names of the file's layers or arrays in the order of the layers, such as ``list(model.state_dict())`` in
            torch, for files that leave it open.

        Returns
        -------
        self
            Fitted, with an empty history where it was not before.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted, and X and classes are not given.
        FileFormatError
            If the file is damaged, truncated, hostile or neither of the two; if a layer has no counterpart in it, or
            more than one; or if a number is not finite. The estimator stays as it was.
        TypeError, ValueError
            If a parameter is out of its range, or X, classes or order are not as above.
        OSError
            If it cannot be read.

        Warns
        -----
        UserWarning
            As `fit`, about X.
        """
        if (X is None) != (classes is None):
            raise ValueError("X and classes must be given together, got only one of them")
        with self._unchanged_if_refused():
            if X is None:
                self._replace_network(path, order)
            else:
                self._become_fitted(path, X, classes, order)
        return self

    def _replace_network(self, path: str | os.PathLike[str], order: Sequence[str] | None) -> None:
        """A network of its own, since another thread may be predicting with the old one."""
        check_is_fitted(self)
        network = copy.deepcopy(self.network_)
        import_weights(network, path, order)
        self.network_ = network

    def _become_fitted(self, path: str | os.PathLike[str], X: Any, classes: Any, order: Sequence[str] | None) -> None:
        if not is_classifier(self):
            raise TypeError("X and classes must be None where the estimator is no classifier: fit it first")
        self._plan(seed=0)  # parameters that are out of range would be found by nobody else
        X, _ = self._check_training_data(X, np.zeros(number_of_samples(X)))
        classes = classes_of(classes)
        self._learn_targets(classes)
        columns = self._encode(classes, computing_dtype(self.dtype, X))
        if len(np.unique(columns)) < len(columns):
            raise ValueError(f"classes must be different from each other, got {shown(classes)}")
        self._build(X, seed=0)
        import_weights(self.network_, path, order)
        for name in self._output_parameters():
            view = self.network_.arena.views[name]
            view[..., columns] = view.copy()  # our classes are sorted
        self.history_ = new_history()
        self.n_epochs_ = 0

    def _output_parameters(self) -> list[str]:
        """The names of the parameters of the output layer, whose last axis has a class each."""
        last = f"{len(self.network_.layers) - 1}."
        return [name for name in self.network_.parameters if name.startswith(last)]

    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted network as a model in ONNX (opset 17, float32), for batches of any size.

        Its input ``X`` has the shape (n, n_features), or (n, height, width, channels) for images, and is uint8 where
        `fit` saw uint8: the scaling by 1/255 is a part of the model, and so is the mean over an image and its mirror
        image where `flip_predictions` is on. It has the outputs ``label`` and ``probabilities``, what `predict` and
        `predict_proba` return; that of a regressor has ``outputs``, of shape (n, n_outputs). Needs the extra ``onnx``.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If a layer is of a class of one's own, a loss of one's own has a `predict` of its own, or the labels are
            neither numbers nor text.
        MissingExtraError
            If onnx is not installed.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        alike, link = EXPORTED[self._target_kind]
        if type(self._loss()).predict is not alike.predict:
            raise TypeError(f"loss must predict as crmsprop's own do to be exported, got {self.loss!r:.100}")
        dtype = "uint8" if self._fitted_on_uint8 else "float32"
        scale = 1 / 255 if self._fitted_on_uint8 and self._image_shape else 1.0
        classes = self.classes_ if self._target_kind == "classes" else None
        export_onnx(self.network_, path, classes=classes, link=link, input_dtype=dtype, scale=scale, flip=self._flips())

    def export_safetensors(self, path: str | os.PathLike[str]) -> None:
        """Write the weights of the fitted network as a torch model of the same architecture has them.

        ``torch.nn.Sequential`` with one module for each layer of ``network_.layers`` loads the file; its images are
        (n, channels, height, width). See `crmsprop.persistence.export_safetensors`.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If a layer of one's own has parameters.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        export_safetensors(self.network_, path)
