"""A network that you wrote yourself, in NumPy; only the optimizer is crmsprop's.

Where its loop had ``for p, g in zip(params, grads): p -= rate * g``, it has ``optimizer.step(grads)``.
Run this with ``python examples/numpy_network.py``.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from crmsprop import RMSprop


def forward(X, params):
    """Return the hidden layer, after its ReLU, and the probabilities of the ten digits."""
    W1, b1, W2, b2 = params
    hidden = np.maximum(X @ W1 + b1, 0)
    logits = hidden @ W2 + b2
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return hidden, powers / powers.sum(axis=1, keepdims=True)


def gradients(X, y, params):
    """Return the slope of the mean cross-entropy for each array of `params`, in the same order."""
    hidden, slope = forward(X, params)
    slope[np.arange(len(y)), y] -= 1
    slope /= len(y)
    behind_relu = (slope @ params[2].T) * (hidden > 0)
    return [X.T @ behind_relu, behind_relu.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)]


def main():
    pixels, digits = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split((pixels / 16).astype(np.float32), digits, random_state=0)

    rng = np.random.default_rng(0)
    params = [  # contiguous arrays, all float32 or all float64; they are changed in place
        (rng.standard_normal((64, 64)) * np.sqrt(2 / 64)).astype(np.float32),
        np.zeros(64, np.float32),
        (rng.standard_normal((64, 10)) * np.sqrt(2 / 64)).astype(np.float32),
        np.zeros(10, np.float32),
    ]
    optimizer = RMSprop(params, learning_rate=1e-3, rho=0.9, momentum=0.9)
    for epoch in range(20):
        optimizer.learning_rate = 1e-3 * (1 - epoch / 20)  # may be set at any time
        order = rng.permutation(len(X))
        for rows in np.split(order[: len(order) // 32 * 32], len(order) // 32):
            optimizer.step(gradients(X[rows], y[rows], params))
    accuracy = np.mean(forward(X_test, params)[1].argmax(axis=1) == y_test)
    print(f"{optimizer.n_steps} steps, test accuracy {accuracy:.3f}")

    state = optimizer.state_dict()  # to go on later, to the same bits: numbers, strings and arrays
    again = RMSprop([p.copy() for p in params], learning_rate=1e-3, rho=0.9, momentum=0.9)
    again.load_state_dict(state)
    print("the state comes back:", np.array_equal(again.mean_squares[0], optimizer.mean_squares[0]))


if __name__ == "__main__":
    main()
