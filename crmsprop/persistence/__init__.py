"""A network to a file, or a file's parts, and back; weights from and for other libraries. Knows no estimator."""

from crmsprop.persistence.layers import (
    Classes,
    known_classes,
    layer_from_config,
    layer_to_config,
    loss_from_config,
    loss_to_config,
)
from crmsprop.persistence.network import MAX_LAYERS, network_from_parts, network_to_parts
from crmsprop.persistence.network_file import load_network, save_network
from crmsprop.persistence.onnx_model import export_onnx
from crmsprop.persistence.weights import export_safetensors, import_weights

__all__ = [
    "MAX_LAYERS",
    "Classes",
    "export_onnx",
    "export_safetensors",
    "import_weights",
    "known_classes",
    "layer_from_config",
    "layer_to_config",
    "load_network",
    "loss_from_config",
    "loss_to_config",
    "network_from_parts",
    "network_to_parts",
    "save_network",
]
