"""Makes depthwise.npz: what Keras and torch make of the depthwise convolutions of tests/peer_depthwise.py.

    python tests/golden/make_depthwise.py

Needs torch, and keras with tensorflow-cpu. The outputs of all cases lie flat, one behind the other.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
import torch
from peer_depthwise import CASES, operands


def by_keras(case, x, weight):
    layer = keras.layers.DepthwiseConv2D(case.kernel, strides=case.stride, padding=case.padding, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([weight[..., None]])
    return np.asarray(layer(x))


def by_torch(case, x, weight):
    images, filters = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(weight).permute(2, 0, 1)[:, None]
    out = torch.nn.functional.conv2d(images, filters, stride=case.stride, padding=case.padding, groups=weight.shape[2])
    return out.permute(0, 2, 3, 1).numpy()


MAKERS = {"keras": by_keras, "torch": by_torch}


def main():
    outs = [MAKERS[case.peer](case, *operands(case)) for case in CASES]
    versions = " ".join(f"{name}-{version(name)}" for name in ("torch", "keras", "tensorflow-cpu"))
    np.savez_compressed(
        Path(__file__).with_name("depthwise.npz"),
        names=np.array([case.name for case in CASES]),
        shapes=np.array([out.shape for out in outs]),
        values=np.concatenate([out.ravel() for out in outs]).astype(np.int16),
        versions=np.array(versions),
    )
    print(f"{len(outs)} cases; {versions}")


if __name__ == "__main__":
    main()
