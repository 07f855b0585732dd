"""The optimizer."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.errors import answers_keywords, check_choice
from crmsprop.kernels.rule import RMSpropRule, RMSpropState
from crmsprop.optimizer.gradients import explained, listed
from crmsprop.optimizer.groups import Array, Group, changed, check_place, filled_like, unpack
from crmsprop.optimizer.options import RMSpropOptions, absent
from crmsprop.optimizer.presets import ELSEWHERE, PRESETS
from crmsprop.optimizer.rates import checked_rate, rates_of
from crmsprop.optimizer.state import check_state_dict, load_state, state_to_dict


def _read_only(name: str, text: str) -> Any:
    """A property that reads an attribute, and cannot set it; without a text of its own it would have attrgetter's."""
    return property(attrgetter(name), doc=text)


class RMSprop:
    """RMSprop (Tieleman and Hinton, 2012), updating a list of arrays in place.

    For each parameter and its gradient, element by element::

        g     = grad + l2 * param
        v     = rho * v + (1 - rho) * g**2              v is called mean_square
        param = param - learning_rate * g / (sqrt(v) + epsilon)

    All options happen in one pass over memory, on all cores, and give the same bits for any number of threads and any
    instruction set. Their order: mean over the accumulated gradients, maximize, clip, ``+ l2 * param``, moments, step,
    decoupled decay, average.

    Parameters
    ----------
    params : sequence of ndarray, or sequence of dict
        Arrays to train: all float32 or all float64, C-contiguous, writable, of any shape, not overlapping. Or groups
        of them: each a dict with ``params`` and, where it differs, ``learning_rate``, ``l2``, ``weight_decay`` and
        ``frozen`` (True: neither these parameters nor their state change).
    learning_rate : float, default=1e-3
        Step size, in [0, inf). May be set at any time.
    rho : float, default=0.9
        Decay of the mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, in [0, inf); must not round to 0 in the dtype of `params`.
    momentum : float, default=0.0
        In [0, 1): ``velocity = momentum * velocity + g / (sqrt(v) + epsilon)`` and ``param -= learning_rate *
        velocity``.
    nesterov : bool, default=False
        Move by ``u + momentum * velocity`` in place of the velocity, where u is what was just added to it. Needs
        `momentum`.
    centered : bool, default=False
        Take the root of ``v - mean**2``, clamped at 0, where ``mean = rho * mean + (1 - rho) * g`` (Graves, 2013).
    eps_in_sqrt : bool, default=False
        Divide by ``sqrt(v + epsilon)``, as Keras, TensorFlow and optax do.
    lr_in_momentum : bool, default=False
        ``velocity = momentum * velocity + learning_rate * g / ...`` and ``param -= velocity``, as Keras, TensorFlow and
        optax do: it differs where the learning rate moves.
    bias_correction : bool, default=False
        Divide v and mean by ``1 - rho**t`` in step t, as optax does, whatever `initial_mean_square`.
    initial_mean_square : float, default=0.0
        What v starts from, in [0, inf).
    l2 : float, default=0.0
        L2 penalty, in [0, inf), coupled: added to the gradient as ``l2 * param``.
    weight_decay : float, default=0.0
        In [0, inf), decoupled: takes ``learning_rate * weight_decay`` of the old parameter off.
    clip_value : float or None, default=None
        Largest absolute value of an element of a gradient, in (0, inf).
    clip_norm, global_clip_norm : float or None, default=None
        Largest Euclidean norm of one array's gradient, or of all of them together, in (0, inf). At most one kind of
        clip may be on.
    ema : float or None, default=None
        Decay, in [0, 1), of a running average of the parameters, see `averages`: after each step ``average = ema *
        average + (1 - ema) * param``. After the first step the average is the parameters themselves, as in Keras.
    ema_warmup : bool, default=False
        Whether the decay is ``min(ema, (1 + t) / (10 + t))`` in step t, counted from 1, as that of TensorFlow's
        ExponentialMovingAverage with ``num_updates``: an average over the last tenth of the steps, until `ema` is
        reached. Without it the parameters of the first step count for ``ema**(t - 1)``. Needs `ema`.
    ema_every_call : bool, default=False
        Whether the average also moves in calls of `step` that only accumulate gradients, as in Keras.
    accumulate_steps : int, default=1
        Update once every so many calls of `step`, with the mean of their gradients.
    maximize : bool, default=False
        Go up the gradient.
    n_threads : int or None, default=None
        Threads to use; None for every core that the process may use.

    Attributes
    ----------
    params : tuple of ndarray
        The arrays of all groups, in order.
    options : RMSpropOptions
        All options but the learning rate, such as ``options.rho``; they stay as they are.
    mean_squares : tuple of ndarray
        Running mean of the squared gradients, one array a parameter.
    means, velocities, averages : tuple of ndarray or None
        State of `centered`, `momentum` and `ema`; None without. The averages may be read at any time; those of frozen
        parameters are what these were at the beginning.
    groups : tuple of Group
        Settings of each group, as `set_group` changes them: learning_rate, l2, weight_decay, frozen.
    n_steps : int
        Updates made.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range, or an array is not as above: the message names it by its index.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop import RMSprop
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = RMSprop([weights], learning_rate=0.1)
    >>> for _ in range(100):
    ...     optimizer.step([2 * weights])  # the gradient of sum(weights**2)
    >>> bool(np.abs(weights).max() < 0.1)
    True

    The first step is as long for a small gradient as for a large one, unless epsilon is in its way:

    >>> gradient, plain, damped = np.array([1.0, 1e-3, 1e-6]), np.zeros(3), np.zeros(3)
    >>> RMSprop([plain], learning_rate=0.1).step([gradient])
    >>> RMSprop([damped], learning_rate=0.1, epsilon=1e-3).step([gradient])
    >>> plain.round(3).tolist(), damped.round(3).tolist()
    ([-0.316, -0.316, -0.307], [-0.315, -0.076, -0.0])
    """

    __slots__ = (
        "_arrays",
        "_averaged",
        "_averages",
        "_busy",
        "_dtype",
        "_group_of",
        "_groups",
        "_learning_rate",
        "_mean_squares",
        "_means",
        "_n_accumulated",
        "_n_steps",
        "_n_threads",
        "_options",
        "_params",
        "_rule",
        "_sums",
        "_thawed",
        "_thawed_sums",
        "_velocities",
    )

    _dtype: np.dtype[Any]
    _groups: list[Group]
    _group_of: list[int]  # each parameter's
    _n_accumulated: int
    _thawed: list[int]  # numbers of the parameters that are not frozen
    _thawed_sums: list[Array] | None
    _averaged: tuple[list[Array], list[Array]]  # these parameters and their averages
    _arrays: kernels.RMSpropArrays  # these parameters with their state
    _rule: RMSpropRule | None  # of every step from now on; None as long as it moves

    @answers_keywords(ELSEWHERE)
    def __init__(
        self,
        params: Iterable[Array] | Iterable[Mapping[str, Any]],
        learning_rate: float = 1e-3,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        centered: bool = False,
        eps_in_sqrt: bool = False,
        lr_in_momentum: bool = False,
        bias_correction: bool = False,
        initial_mean_square: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        global_clip_norm: float | None = None,
        ema: float | None = None,
        ema_warmup: bool = False,
        ema_every_call: bool = False,
        accumulate_steps: int = 1,
        maximize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self._options = RMSpropOptions(
            rho,
            epsilon,
            momentum,
            nesterov,
            centered,
            eps_in_sqrt,
            lr_in_momentum,
            bias_correction,
            initial_mean_square,
            l2,
            weight_decay,
            clip_value,
            clip_norm,
            global_clip_norm,
            ema,
            ema_warmup,
            ema_every_call,
            accumulate_steps,
            maximize,
        )
        self.n_threads = n_threads
        self._params, self._groups, self._group_of = unpack(params)
        self._dtype = self.params[0].dtype if self.params else np.dtype(np.float64)
        self._busy = False
        self.learning_rate = learning_rate
        self.options.check_dtype(self._dtype)
        self.reset()

    @classmethod
    def preset(cls, params: Iterable[Array] | Iterable[Mapping[str, Any]], name: str, **overrides: Any) -> "RMSprop":
        """Return an optimizer with the formula, the defaults and the initial state of another library's RMSprop.

        =====================  =======  =======  =======  =======
        preset                 torch    keras    tf1      optax
        =====================  =======  =======  =======  =======
        `learning_rate`        0.01     0.001    0.001    0.001
        `rho`                  0.99     0.9      0.9      0.9
        `epsilon`              1e-08    1e-07    1e-10    1e-08
        `eps_in_sqrt`          False    True     True     True
        `lr_in_momentum`       False    True     True     True
        `initial_mean_square`  0.0      0.0      1.0      0.0
        `ema_every_call`       False    True     False    False
        =====================  =======  =======  =======  =======

        Parameters
        ----------
        params : sequence of ndarray, or sequence of dict
        name : {"torch", "keras", "tf1", "optax"}
        **overrides
            Parameters of this class, by our names and with our meaning: `l2` for torch's ``weight_decay``, which is
            coupled, while `weight_decay` is decoupled with every preset; `clip_norm` for Keras's ``clipnorm``, `ema`
            for its ``ema_momentum``.

        Examples
        --------
        >>> import numpy as np
        >>> from crmsprop import RMSprop
        >>> RMSprop.preset([np.zeros(3)], "torch", momentum=0.9).options.rho
        0.99
        """
        return cls(params, **{**PRESETS[check_choice("name", name, tuple(PRESETS))], **overrides})

    options: RMSpropOptions = _read_only(
        "_options", "All options but the learning rate, such as ``options.rho``; they stay as they are."
    )
    params: tuple[Array, ...] = _read_only("_params", "The arrays of all groups, in order.")
    mean_squares: tuple[Array, ...] = _read_only(
        "_mean_squares", "Running mean of the squared gradients, one array a parameter."
    )
    means: tuple[Array, ...] | None = _read_only("_means", "Running means of the gradients; None without `centered`.")
    velocities: tuple[Array, ...] | None = _read_only("_velocities", "State of `momentum`; None without.")
    averages: tuple[Array, ...] | None = _read_only(
        "_averages", "Running averages of the parameters, which may be read at any time; None without `ema`."
    )
    n_steps: int = _read_only("_n_steps", "Updates made.")
    __getattr__ = absent

    @property
    def groups(self) -> tuple[Group, ...]:
        """Settings of each group: learning_rate, l2 and weight_decay (None for the optimizer's own), and frozen."""
        return tuple(self._groups)

    @property
    def n_threads(self) -> int | None:
        """Threads to use; None for every core that the process may use. May be set at any time."""
        return self._n_threads

    @n_threads.setter
    def n_threads(self, value: int | None) -> None:
        kernels.effective_n_threads(value)
        self._n_threads = value

    @property
    def learning_rate(self) -> float:
        """Step size of every group that has none of its own; `set_group` changes those that have."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = checked_rate(value, self._dtype)

    def set_group(self, group: int, **settings: Any) -> None:
        """Change what differs for a group of `params` from the next step on.

        Parameters
        ----------
        group : int
            Its place in `params`, from 0.
        **settings
            Any of `learning_rate`, `l2` and `weight_decay` (None for the optimizer's own) and `frozen`. The state of a
            frozen group stays as it is and is used again once the group is thawed.

        Raises
        ------
        TypeError, ValueError
            If there is no such group or setting, or a value is out of range; nothing is changed then.
        RuntimeError
            If `frozen` is to change while gradients are being accumulated.

        Examples
        --------
        >>> import numpy as np
        >>> from crmsprop import RMSprop
        >>> features, head = np.ones(3), np.ones(3)
        >>> optimizer = RMSprop([{"params": features, "frozen": True}, {"params": head}])
        >>> optimizer.step([None, np.ones(3)])
        >>> optimizer.set_group(0, frozen=False, learning_rate=1e-4)
        >>> optimizer.step([np.ones(3), np.ones(3)])
        """
        group = check_place(group, len(self._groups))
        with self._alone():
            old, new = self._groups[group], changed(self._groups[group], settings, self._dtype)
            if new.frozen != old.frozen and self._n_accumulated:
                raise RuntimeError("frozen must not change while gradients are being accumulated")
            self._groups[group] = new
            try:
                self._prepare()
            except BaseException:
                self._groups[group] = old
                raise
            if new.frozen != old.frozen:
                self._forget_sums(group)

    def _forget_sums(self, group: int) -> None:
        """What a loaded state had accumulated for arrays that were frozen then belongs to no step."""
        for total, number in zip(self._sums or (), self._group_of, strict=False):
            if number == group:
                total.fill(0)

    def step(self, grads: Iterable[Array], *, learning_rate: float | None = None) -> None:
        """Update every parameter in place, once.

        Parameters
        ----------
        grads : iterable of ndarray
            One gradient a parameter, in the order of `params`, of its shape and dtype, C-contiguous. Not changed. That
            of a frozen parameter is not looked at: it may be None.
        learning_rate : float or None, default=None
            Step size of this step alone, in [0, inf), in place of `learning_rate`; groups with a rate of their own keep
            it.

        Raises
        ------
        TypeError, ValueError
            If a gradient does not fit its parameter, or a norm that is to be clipped is not finite; nothing is changed
            then.
        RuntimeError
            If another thread is in the middle of a step.

        Notes
        -----
        Gradients are not searched for what is not finite. A NaN goes into the parameter and its state, and stays there.
        In float32 the square of a gradient above 1.8e19 is infinite, and its element stands still from then on.
        `clip_value` keeps infinite and huge gradients out, but not NaN; `clip_norm` and `global_clip_norm` raise.
        """
        rate = self._learning_rate if learning_rate is None else checked_rate(learning_rate, self._dtype)
        if not isinstance(grads, list | tuple) or len(grads) != len(self._params):
            grads = listed(grads, len(self._params))
        self._claim()
        try:
            self._step([grads[i] for i in self._thawed], rate)  # a list of our own keeps the arrays alive
        except (TypeError, ValueError) as error:
            raise explained(error, self._params, grads, self._thawed) from None
        finally:
            self._busy = False

    def _claim(self) -> None:
        """One call at a time: two passes over the same arrays would ruin them."""
        if self._busy:
            raise RuntimeError("this optimizer is at work in another thread: a call must end before the next begins")
        self._busy = True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._claim()
        try:
            yield
        finally:
            self._busy = False

    def _step(self, grads: list[Array], learning_rate: float) -> None:
        options = self._options
        clips = options.clip_norm is not None or options.global_clip_norm is not None
        if self._n_accumulated + 1 < options.accumulate_steps:
            self._arrays.check(grads)
            n_threads = kernels.effective_n_threads(self._n_threads)
            if clips:
                options.clip_factors(kernels.rmsprop_squares(grads, None, n_threads))
            kernels.rmsprop_accumulate(grads, self._thawed_sums or [], n_threads)
            if options.averages_between_updates:
                self._move_averages(n_threads)
            self._n_accumulated += 1
            return
        rule = self._rule or self._next_rule()
        self._arrays.step(grads, learning_rate, rule, self._clip_factors(grads) if clips else None, self._n_threads)
        self._n_steps += 1
        self._n_accumulated = 0

    def _next_rule(self) -> RMSpropRule:
        rule = self._options.rule(self._n_steps)
        if self._options.is_settled(self._n_steps):
            self._rule = rule
        return rule

    def _move_averages(self, n_threads: int) -> None:
        begun = self._n_steps or self._n_accumulated
        decay = self._options.average_decay(self._n_steps) if begun else 0.0
        kernels.rmsprop_average(*self._averaged, decay, n_threads)

    def reset(self) -> None:
        """Forget the state: as before the first step, with the parameters as they are now."""
        options, params = self._options, self._params
        with self._alone():
            self._mean_squares = filled_like(params, options.initial_mean_square)
            self._means = filled_like(params) if options.centered else None
            self._velocities = filled_like(params) if options.momentum else None
            self._averages = None if options.ema is None else tuple(param.copy() for param in params)
            self._sums = filled_like(params) if options.accumulate_steps > 1 else None
            self._n_steps = self._n_accumulated = 0
            self._prepare()

    def _prepare(self) -> None:
        """What every step needs and none changes."""
        self._rule = None
        groups = [self._groups[number] for number in self._group_of]
        self._thawed = [i for i, group in enumerate(groups) if not group.frozen]
        rates = [rates_of(groups[i], self._options) for i in self._thawed]
        params, state = [self._params[i] for i in self._thawed], self._full_state().only(self._thawed)
        self._arrays = kernels.RMSpropArrays(params, state, rates)
        self._thawed_sums = None if state.sums is None else list(state.sums)
        self._averaged = params, [] if state.averages is None else list(state.averages)

    def __repr__(self) -> str:
        sizes = f"{len(self._params)} arrays, {sum(param.size for param in self._params)} numbers, {self._dtype}"
        rates = f"learning_rate={self._learning_rate}, rho={self._options.rho}"
        return f"{type(self).__name__}({sizes}, {rates}, n_steps={self._n_steps})"

    def __getstate__(self) -> dict[str, Any]:
        slots = {name: getattr(self, name) for name in RMSprop.__slots__ if name != "_arrays"}
        return {**slots, **getattr(self, "__dict__", {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._busy = False
        self._prepare()

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state: arrays keyed as ``"mean_squares.0"``, and counters.

        Returns
        -------
        dict
            What `load_state_dict` of an optimizer with the same options and shapes takes. Not in it: the parameters
            themselves, the options, `learning_rate`, and what `set_group` has changed.
        """
        with self._alone():
            return state_to_dict(self._full_state(), {"n_steps": self._n_steps, "n_accumulated": self._n_accumulated})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Parameters
        ----------
        state : mapping of str to ndarray or int
            Of an optimizer with the same options and shapes. Copied. Options that need no state of their own are not
            compared, `rho` among them: give this optimizer those of the other, and its learning rates.

        Raises
        ------
        TypeError, ValueError
            If a key, a shape or a dtype is not that of this optimizer; nothing is changed then.
        """
        with self._alone():
            counters = check_state_dict(state, self._full_state(), self._options.accumulate_steps)
            load_state(state, self._full_state())
            self._n_steps, self._n_accumulated = counters["n_steps"], counters["n_accumulated"]
            self._rule = None

    def _full_state(self) -> RMSpropState:
        return RMSpropState(self._mean_squares, self._means, self._velocities, self._averages, self._sums)

    def _clip_factors(self, grads: list[Array]) -> list[float]:
        """Factor on each gradient, where a norm is clipped: one more read of all of them."""
        n_threads = kernels.effective_n_threads(self._n_threads)
        return self._options.clip_factors(kernels.rmsprop_squares(grads, self._thawed_sums, n_threads))
