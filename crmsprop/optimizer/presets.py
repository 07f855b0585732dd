"""What each peer's RMSprop is, in the names of ours: its parameters, its formula, defaults and initial state.

Sources: torch/optim/rmsprop.py; keras/src/optimizers/rmsprop.py; tensorflow/core/kernels/training_ops.cc and
tensorflow/python/training/rmsprop.py; optax/_src/alias.py and transform.py.
"""

from typing import Any

#: torch 2: epsilon outside of the root, learning rate after the momentum; `weight_decay` there is `l2` here.
TORCH = {"learning_rate": 1e-2, "rho": 0.99, "epsilon": 1e-8}

#: Keras 3: epsilon under the root, learning rate inside of the momentum; `weight_decay` is
#: decoupled; the average moves in calls that only accumulate gradients, too.
KERAS = {
    "learning_rate": 1e-3,
    "rho": 0.9,
    "epsilon": 1e-7,
    "eps_in_sqrt": True,
    "lr_in_momentum": True,
    "ema_every_call": True,
}

#: TensorFlow 1: as Keras, but the mean square starts from 1.
TF1 = {
    "learning_rate": 1e-3,
    "rho": 0.9,
    "epsilon": 1e-10,
    "eps_in_sqrt": True,
    "lr_in_momentum": True,
    "initial_mean_square": 1.0,
}

#: optax: epsilon under the root, learning rate before the momentum's trace.
OPTAX = {"learning_rate": 1e-3, "rho": 0.9, "epsilon": 1e-8, "eps_in_sqrt": True, "lr_in_momentum": True}

PRESETS: dict[str, dict[str, Any]] = {"torch": TORCH, "keras": KERAS, "tf1": TF1, "optax": OPTAX}

#: What peers call by other names.
ELSEWHERE = {
    **dict.fromkeys(("lr", "eta", "step_size"), "give learning_rate"),
    **dict.fromkeys(("alpha", "discounting_factor"), "give rho"),
    "decay": "give rho for that of optax and TensorFlow 1; that of Keras is schedules.InverseTimeDecay(decay)",
    "eps": "give epsilon",
    "clipvalue": "give clip_value",
    "clipnorm": "give clip_norm",
    "global_clipnorm": "give global_clip_norm",
    **dict.fromkeys(("use_ema", "ema_momentum", "ema_decay"), "give ema, such as ema=0.99"),
    "gradient_accumulation_steps": "give accumulate_steps",
    "initial_scale": "give initial_mean_square",
}
