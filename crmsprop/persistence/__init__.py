"""A network to a file's parts and back; knows no estimator."""

from crmsprop.persistence.layers import layer_from_config, layer_to_config
from crmsprop.persistence.network import MAX_LAYERS, network_from_parts, network_to_parts

__all__ = ["MAX_LAYERS", "layer_from_config", "layer_to_config", "network_from_parts", "network_to_parts"]
