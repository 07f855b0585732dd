"""Makes torch_*.safetensors and torch_weights.npz: small torch models, some images, and what the models make of them.

    python tests/golden/make_torch_weights.py

Needs torch and safetensors. The models are those of tests/weight_cases.py, with weights and running statistics away
from their first values; images are (n, channels, height, width), as torch has them.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).parent


def conv(before, after, stride=1, kernel=3, bias=False):
    return nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=bias)


class BasicBlock(nn.Module):
    """Named as torchvision's."""

    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(before, after, stride), nn.BatchNorm2d(after)
        self.relu = nn.ReLU()
        self.conv2, self.bn2 = conv(after, after), nn.BatchNorm2d(after)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(conv(before, after, stride, 1), nn.BatchNorm2d(after))

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + around)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu = conv(3, 4), nn.BatchNorm2d(4), nn.ReLU()
        self.layer1 = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
        self.layer2 = nn.Sequential(BasicBlock(4, 6, 2), BasicBlock(6, 6))
        self.fc1, self.fc = nn.Linear(96, 7), nn.Linear(7, 5)

    def forward(self, x):
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(self.relu(self.fc1(x.flatten(1))))


class VGG(nn.Module):
    """Named as torchvision's."""

    def __init__(self):
        super().__init__()
        widths, layers = [3, 4, 6, 6, 6], []
        for i in range(4):
            layers += [conv(widths[i], widths[i + 1], bias=True), nn.ReLU(), *([nn.MaxPool2d(2)] if i % 2 else [])]
        self.features = nn.Sequential(*layers)
        head = [
            nn.Linear(24, 12),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(12, 12),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(12, 5),
        ]
        self.classifier = nn.Sequential(*head)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Residual(nn.Module):
    """Named as ours."""

    def __init__(self, layers, shortcut=()):
        super().__init__()
        self.layers, self.shortcut = nn.Sequential(*layers), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


def sequential():
    return nn.Sequential(
        *(nn.Conv2d(3, 4, (3, 2), (2, 1), (1, 0)), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d((2, 3), 1)),
        *(nn.Flatten(), nn.BatchNorm1d(64), nn.GELU(), nn.Linear(64, 6), nn.Dropout(), nn.Tanh()),
        *(nn.Linear(6, 6, bias=False), nn.Linear(6, 5)),
    )


def blocks():
    inner = Residual([nn.BatchNorm2d(4), nn.ReLU()])
    return nn.Sequential(
        conv(2, 4),
        Residual([conv(4, 4), inner, conv(4, 4, 2)], [conv(4, 4, 2), nn.BatchNorm2d(4)]),
        *(nn.Flatten(), Residual([nn.Tanh(), nn.BatchNorm1d(36)]), nn.Linear(36, 5)),
        Residual([nn.Linear(5, 5)], [nn.ReLU(), nn.Linear(5, 5)]),
    )


#: Shape of an image, the model, and what its names begin with.
MODELS = {
    "sequential": ((3, 9, 7), sequential, ""),
    "vgg": ((3, 8, 8), VGG, "module."),
    "resnet": ((3, 8, 8), ResNet, "model."),
    "blocks": ((2, 6, 6), blocks, ""),
}


def disturb(model):
    """Give every number a value that no other one has."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
                tensor.copy_(torch.rand_like(tensor) + 0.5)
            elif tensor.dim() == 1:
                tensor.copy_(torch.randn_like(tensor) / 4)


def main():
    torch.manual_seed(0)
    values = {"versions": np.array(f"torch-{version('torch')} safetensors-{version('safetensors')}")}
    for name, (shape, make, prefix) in MODELS.items():
        model = make().eval()
        disturb(model)
        x = torch.randn(6, *shape)
        with torch.no_grad():
            values[f"{name}_x"], values[f"{name}_y"] = x.numpy(), model(x).numpy()
        arrays = {prefix + key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        save_file(arrays, FOLDER / f"torch_{name}.safetensors")
    np.savez_compressed(FOLDER / "torch_weights.npz", **values)
    print(f"{len(MODELS)} models; {values['versions']}")


if __name__ == "__main__":
    main()
