"""What a call with the arguments of rmsprop_update costs by itself."""


def empty(param, grad, mean_square, *, learning_rate=1e-3, rho=0.9, epsilon=1e-8, mean=None, velocity=None,
          momentum=0.0, nesterov=False, eps_in_sqrt=False, lr_in_momentum=False, step=None, l2=0.0, weight_decay=0.0,
          clip_value=None, clip_norm=None, average=None, ema=0.0, maximize=False, n_threads=None):
    """Do nothing."""
