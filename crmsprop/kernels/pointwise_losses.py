"""What the losses that compare each output with its own target are called."""

#: In the order of src/pointwise_loss.h.
LOSSES = ("squared_error", "absolute_error", "huber", "poisson_deviance", "binary_cross_entropy")
