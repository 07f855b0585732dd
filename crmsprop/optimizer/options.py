"""The options of RMSprop: their ranges, and the numbers of a step that follow from them."""

import math
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from crmsprop.errors import check_bool, check_fits, check_integer, check_not_zero, check_real
from crmsprop.kernels.rule import RMSpropRule

CLIPS = ("clip_value", "clip_norm", "global_clip_norm")
SWITCHES = (
    *("nesterov", "centered", "eps_in_sqrt", "lr_in_momentum", "bias_correction", "maximize"),
    *("ema_warmup", "ema_every_call"),
)


def absent(optimizer: Any, name: str) -> NoReturn:
    """Raise the AttributeError for what an optimizer has not: its options are elsewhere."""
    there = ": it is read as options." + name if name in RMSpropOptions.__dataclass_fields__ else ""
    raise AttributeError(f"{type(optimizer).__name__!r} object has no attribute {name!r}{there}")


@dataclass(frozen=True)
class RMSpropOptions:
    """What stays the same from the first step to the last; RMSprop says what each option means.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop import RMSprop
    >>> RMSprop([np.zeros(3)], rho=0.95).options.rho
    0.95
    """

    rho: float
    epsilon: float
    momentum: float
    nesterov: bool
    centered: bool
    eps_in_sqrt: bool
    lr_in_momentum: bool
    bias_correction: bool
    initial_mean_square: float
    l2: float
    weight_decay: float
    clip_value: float | None
    clip_norm: float | None
    global_clip_norm: float | None
    ema: float | None
    ema_warmup: bool
    ema_every_call: bool
    accumulate_steps: int
    maximize: bool

    def __post_init__(self) -> None:
        for names, interval in (
            (("rho", "momentum"), "[0, 1)"),
            (("epsilon", "initial_mean_square", "l2", "weight_decay"), "[0, inf)"),
            (CLIPS, "(0, inf)"),
            (("ema",), "[0, 1)"),
        ):
            for name in names:
                if name not in (*CLIPS, "ema") or getattr(self, name) is not None:
                    object.__setattr__(self, name, check_real(name, getattr(self, name), interval))
        for name in SWITCHES:
            object.__setattr__(self, name, check_bool(name, getattr(self, name)))
        object.__setattr__(self, "accumulate_steps", check_integer("accumulate_steps", self.accumulate_steps, 1, 2**53))
        self._check_combinations()

    def _check_combinations(self) -> None:
        given = [f"{name}={getattr(self, name)}" for name in CLIPS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"at most one of {', '.join(CLIPS)} may be given, got {', '.join(given)}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum in (0, 1), got momentum=0.0")
        if self.ema_warmup and self.ema is None:
            raise ValueError("ema_warmup needs ema in [0, 1), got ema=None")

    def rule(self, n_steps: int) -> RMSpropRule:
        """Return the numbers that all arrays share in the step after `n_steps` steps."""
        return RMSpropRule(
            rho=self.rho,
            correction=1.0 / (1.0 - self.rho ** (n_steps + 1)) if self.bias_correction else 1.0,
            epsilon_inside=self.epsilon if self.eps_in_sqrt else 0.0,
            epsilon_outside=0.0 if self.eps_in_sqrt else self.epsilon,
            momentum=self.momentum,
            nesterov=self.nesterov,
            lr_in_momentum=self.lr_in_momentum,
            clip_value=math.inf if self.clip_value is None else self.clip_value,
            scale=(-1.0 if self.maximize else 1.0) / self.accumulate_steps,
            ema=self.average_decay(n_steps),
        )

    def is_settled(self, n_steps: int) -> bool:
        """Whether every later step has the numbers of the one after `n_steps` steps."""
        return n_steps > 0 and not self.bias_correction and self.average_decay(n_steps) == (self.ema or 0.0)

    def average_decay(self, n_steps: int) -> float:
        """Return the decay of the average in the step after `n_steps` steps: 0 where nothing is there to decay."""
        if not self.ema or not (n_steps or self.averages_between_updates):
            return 0.0
        return min(self.ema, (n_steps + 2) / (n_steps + 11)) if self.ema_warmup else self.ema

    @property
    def averages_between_updates(self) -> bool:
        """Whether the average moves in calls that make no update."""
        return self.ema is not None and self.ema_every_call and self.accumulate_steps > 1

    def check_dtype(self, dtype: np.dtype[Any]) -> None:
        """Refuse numbers that the dtype of the parameters makes infinite, and those above 0 that it makes 0."""
        for name in ("epsilon", "initial_mean_square", "l2", "weight_decay"):
            check_fits(name, getattr(self, name), dtype)
        for name in ("epsilon", *CLIPS):
            check_not_zero(name, getattr(self, name) or 0.0, dtype)

    def clip_factors(self, squares: list[float]) -> list[float]:
        """Return what each gradient is multiplied by, from the sum of the squares of each.

        Raises
        ------
        ValueError
            If a norm is not finite: names the gradient.
        """
        for i, square in enumerate(squares):
            if not math.isfinite(square):
                raise ValueError(f"grads[{i}] must have a finite sum of squares for its norm to be clipped")
        if self.global_clip_norm:
            squares = [sum(squares)] * len(squares)
        limit = self.clip_norm or self.global_clip_norm or math.inf
        norms = [math.sqrt(square) / self.accumulate_steps for square in squares]
        if not all(map(math.isfinite, norms)):
            raise ValueError("grads must have a finite sum of squares for their norm to be clipped")
        return [limit / norm if norm > limit else 1.0 for norm in norms]
