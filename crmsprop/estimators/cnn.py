"""The convolutional network."""

from collections.abc import Sequence
from typing import Any

from crmsprop.callbacks import Callback
from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.stacks import convolution_layers, hidden_layers
from crmsprop.nn import Dense, Flatten, Layer


class CNNClassifier(NetworkClassifierBase):
    """A convolutional network for classes of images, trained with RMSprop.

    Blocks of convolution, activation and max-pool, then dense layers with dropout. Images are arrays of shape
    (n_samples, height, width, channels) or (n_samples, height, width), or flat rows with `image_shape`.

    Parameters
    ----------
    filters : sequence of int, default=(32, 64)
        Filters of each convolution.
    kernel_size : int or pair of int, default=3
        Height and width of a filter.
    pool_size : int or pair of int, default=2
        Window of the max-pool behind each convolution; a pooling that would leave nothing is left out.
    padding : {"valid", "same"} or int, default="same"
        Of the convolutions, see Conv2D.
    dense_units : sequence of int, default=(128,)
        Units of each dense layer before the output.
    activation : {"relu", "identity"}, default="relu"
        After each convolution and dense layer.
    dropout : float, default=0.5
        Fraction of each dense layer that is dropped in training, in [0, 1).
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) where X holds flat rows; None takes it from X, and a flat row for a 1 x n x 1 image.
    learning_rate : float, default=1e-3
        Step size, in [0, inf).
    schedule : Schedule or callable or None, default=None
        Factor on `learning_rate` at each step; or a function ``(epoch, learning_rate) -> learning_rate``.
    rho : float, default=0.9
        Decay of RMSprop's mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to RMSprop's root, in [0, inf).
    momentum : float, default=0.0
        In [0, 1).
    centered : bool, default=False
        Whether RMSprop divides by the standard deviation of the gradient.
    eps_in_sqrt : bool, default=False
        Whether RMSprop adds `epsilon` under the root, as Keras does, where 1e-7 damps the steps of small gradients.
    l2 : float, default=0.0
        L2 penalty on the weights, not the biases, in [0, inf): adds ``l2 * weight`` to the gradient.
    max_epochs : int, default=30
    batch_size : int, default=32
    validation_fraction : float or None, default=None
        Share of the samples held out for validation, stratified by class, in (0, 1); None for none, or for a tenth
        with `early_stopping`.
    early_stopping : bool, default=False
        Whether to stop when the validation loss has not improved for `patience` epochs.
    patience : int, default=5
    restore_best : bool, default=True
        Whether early stopping goes back to the weights of the best epoch.
    dtype : {"float32", "float64"} or None, default=None
        What the network computes in; None for float32 on uint8 and float32 input, else float64.
    random_state : int, RandomState or None, default=None
        What weights, held-out samples, order of samples and dropout are drawn from.
    n_threads : int or None, default=None
        None for every core that the process may use. The number never changes a bit of the result.
    callbacks : sequence of Callback or None, default=None
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : Network
        Layers and parameters.
    history_ : dict of lists
        One value an epoch: epoch, loss, val_loss, accuracy, val_accuracy, learning_rate, seconds.
    n_epochs_ : int
        Epochs trained.
    best_epoch_ : int
        With `early_stopping`: the epoch of the lowest validation loss, counted from 1.
    n_features_in_ : int

    Examples
    --------
    >>> from crmsprop import CNNClassifier
    >>> from crmsprop.datasets import load_digits
    >>> (X, y), (X_test, y_test) = load_digits()
    >>> model = CNNClassifier(filters=(16,), max_epochs=5, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.9)
    True
    """

    _takes_images = True

    def __init__(
        self,
        filters: Sequence[int] = (32, 64),
        kernel_size: int | tuple[int, int] = 3,
        pool_size: int | tuple[int, int] = 2,
        padding: str | int | tuple[int, int] = "same",
        dense_units: Sequence[int] = (128,),
        activation: str = "relu",
        dropout: float = 0.5,
        image_shape: Sequence[int] | None = None,
        learning_rate: float = 1e-3,
        schedule: Any = None,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        eps_in_sqrt: bool = False,
        l2: float = 0.0,
        max_epochs: int = 30,
        batch_size: int = 32,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        patience: int = 5,
        restore_best: bool = True,
        dtype: Any = None,
        random_state: Any = None,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        verbose: int = 0,
    ) -> None:
        self.filters = filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.padding = padding
        self.dense_units = dense_units
        self.activation = activation
        self.dropout = dropout
        self.image_shape = image_shape
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.rho = rho
        self.epsilon = epsilon
        self.momentum = momentum
        self.centered = centered
        self.eps_in_sqrt = eps_in_sqrt
        self.l2 = l2
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.restore_best = restore_best
        self.dtype = dtype
        self.random_state = random_state
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.verbose = verbose

    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        return [
            *convolution_layers(
                self.filters, self.kernel_size, self.pool_size, self.padding, self.activation, input_shape
            ),
            Flatten(),
            *hidden_layers("dense_units", self.dense_units, self.activation, self.dropout),
            Dense(n_outputs),
        ]
