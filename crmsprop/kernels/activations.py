"""What the smooth activations are called."""

#: In the order of src/activation.h.
KINDS = ("gelu", "elu", "leaky_relu", "silu", "tanh", "sigmoid")
