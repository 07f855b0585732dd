"""The same search by scikit-learn over networks of crmsprop, and over those of skorch.

A module of its own: processes that search import it for skorch's network, and should not have to import anything else.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold

UNITS, EPOCHS, BATCH = 100, 10, 32
RATES, RHOS = [3e-4, 1e-3, 3e-3], [0.8, 0.9, 0.95, 0.99]


def crmsprop(n_jobs):
    """Search over perceptrons of crmsprop."""
    from crmsprop import MLPClassifier

    model = MLPClassifier((UNITS,), max_epochs=EPOCHS, batch_size=BATCH, random_state=0)
    return search(model, {"learning_rate": RATES, "rho": RHOS}, n_jobs)


def skorch(n_jobs):
    """Search over those of skorch, with as many threads as torch takes."""
    import torch
    from skorch import NeuralNetClassifier

    model = NeuralNetClassifier(
        perceptron, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.RMSprop, optimizer__eps=1e-8,
        max_epochs=EPOCHS, batch_size=BATCH, train_split=None, iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    return search(model, {"lr": RATES, "optimizer__alpha": RHOS}, n_jobs)


def skorch_with_one_thread(n_jobs):
    """Search over those of skorch; threads of torch cost more than they bring where a layer is so small."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return skorch(n_jobs)
    finally:
        torch.set_num_threads(before)


def perceptron():
    """A network of torch as crmsprop begins it: Glorot's weights, biases of zero. Every fit draws the same numbers."""
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, 10)]
    for layer in layers[::2]:
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(*layers)


def search(model, grid, n_jobs):
    """Return the search for the best of 12 candidates on 3 folds of the digits."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return GridSearchCV(model, grid, cv=folds, n_jobs=n_jobs, refit=False).fit((X / 16).astype(np.float32), y)
