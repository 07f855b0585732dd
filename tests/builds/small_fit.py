"""A small training of each kind, told as JSON: which kernels ran, the bits of an RMSprop step, and predictions."""

import hashlib
import json

import numpy as np

import crmsprop
from crmsprop import kernels


def optimizer_bits():
    """Return a digest of parameters that RMSprop moved, in both types; the same on every instruction set."""
    digest = hashlib.sha256()
    for dtype in (np.float32, np.float64):
        rng = np.random.default_rng(0)
        params = [rng.standard_normal(size).astype(dtype) for size in (1, 7, 1000)]
        optimizer = crmsprop.RMSprop(params, learning_rate=0.01, centered=True, momentum=0.9, global_clip_norm=1.0)
        for _ in range(3):
            optimizer.step([rng.standard_normal(p.shape).astype(dtype) for p in params])
        for param in params:
            digest.update(param.tobytes())
    return digest.hexdigest()


def predictions():
    """Return how well two small networks fit points and images, and the first probabilities of each."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    rows = rng.standard_normal((60, 5)) + 3 * y[:, None]
    images = (rng.integers(0, 100, (60, 8, 8, 3)) + 70 * y[:, None, None, None]).astype(np.uint8)
    told = {}
    for name, model, X in (
        ("mlp", crmsprop.MLPClassifier((16,), learning_rate=0.01, max_epochs=20, random_state=0), rows),
        ("cnn", crmsprop.CNNClassifier(max_epochs=30, random_state=0), images),
    ):
        model.fit(X, y)
        told[name] = {"accuracy": model.score(X, y), "probabilities": model.predict_proba(X[:6]).tolist()}
    return told


if __name__ == "__main__":
    told = {"isa": kernels.active_isa(), "supported": kernels.supported_isas(), "bits": optimizer_bits()}
    print(json.dumps({**told, **predictions()}))
