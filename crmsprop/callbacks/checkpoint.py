"""Write the whole state of a training to a file, and go on from it."""

import os

import numpy as np

from crmsprop.callbacks.own_path import OwnPath
from crmsprop.errors import FileFormatError, check_bool, check_integer
from crmsprop.files import read_container, tree_from_parts, tree_to_parts, write_container
from crmsprop.training import Callback, SavedState, Training, state_of

#: What the container calls our files.
KIND = "training"


class Checkpoint(Callback):
    """Write all that a training needs to go on to one file, so that a training that is killed loses little.

    With ``resume=True`` a `fit` goes on from the file, where it is there: to the same bits as a training that was never
    killed, in parameters, running means, optimizer and history but for its times; on the same machine and build, with
    any `n_threads`. Where there is no file, the training begins at the beginning: the same program can be started over
    and over. The file stays when the training ends, and a `fit` that finds it then has nothing left to train. It is
    written wholly or not at all: a training that is killed in the middle of it leaves the file before.

    The data, the parameters of the estimator and the callbacks have to be those of the training in the file, except for
    `n_threads`, `verbose` and callbacks without a state of their own. With ``random_state=None`` the seeds are those in
    the file. A callback of one's own takes part through its `state_dict` and `load_state_dict`.

    The instance that you make uses `path`. A copy of it, as `clone` and a search make them for each of their
    estimators, writes to a file of its own beside that, with a random part before the suffix, and so begins at the
    beginning: ``path_`` says where. A training is refused while another instance, here or in another process, writes to
    the same path.

    Parameters
    ----------
    path : str or path-like
        The file, which is replaced; a folder that is missing is made.
    every : int or None, default=1
        Epochs from one checkpoint to the next, at least 1; None for none but the last one, at the end of the training.
    every_steps : int or None, default=None
        Steps from one checkpoint to the next, at least 1, where an epoch takes long; None for none within an epoch.
    resume : bool, default=False
        Whether to go on from the file, in place of training afresh and replacing it.

    Attributes
    ----------
    path_ : str or None
        The file that was written last; None before the first.
    step_ : int
        Steps that the training had taken then; 0 before the first.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range. When the training begins, if another callback is
        writing to the file.
    FileFormatError
        When the training begins, if the file is damaged, truncated, hostile or no checkpoint, or of a training with
        other data or parameters.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import Callback, Checkpoint
    >>> class PowerCut(Callback):
    ...     def on_epoch_end(self, context):
    ...         if context.epoch == 2:
    ...             raise OSError("no power")
    >>> X, y = [[0.0], [1.0]], [0, 1]
    >>> whole = MLPClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(os.path.join(folder, "training.crms"), resume=True)
    ...     try:
    ...         MLPClassifier(max_epochs=5, random_state=0, callbacks=[checkpoint, PowerCut()]).fit(X, y)
    ...     except OSError:
    ...         print("killed after step", checkpoint.step_)
    ...     model = MLPClassifier(max_epochs=5, random_state=0, callbacks=[checkpoint]).fit(X, y)
    killed after step 2
    >>> np.array_equal(model.predict_proba(X), whole.predict_proba(X))
    True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int | None = 1,
        every_steps: int | None = None,
        resume: bool = False,
    ) -> None:
        self._own = OwnPath(path)
        self.path = self._own.path
        self.every = None if every is None else check_integer("every", every, 1)
        self.every_steps = None if every_steps is None else check_integer("every_steps", every_steps, 1)
        self.resume = check_bool("resume", resume)

    def saved(self) -> SavedState | None:
        """Return what the file holds; None where there is none, or `resume` is False.

        Raises
        ------
        FileFormatError
            If it is damaged, truncated, hostile or no checkpoint.
        OSError
            If it cannot be read.
        """
        path = self._own.made(self.path) if self.resume else self.path
        if not self.resume or not os.path.exists(path):
            return None
        parts = read_container(path, KIND)
        try:
            return SavedState(path, tree_from_parts(*parts))
        except FileFormatError as error:
            raise SavedState(path, {}).error(str(error)) from error

    def on_train_begin(self, context: Training) -> None:
        """Forget any training before."""
        self._own.claim()
        self.path_: str | None = None
        self.step_ = 0

    def on_safe_point(self, context: Training) -> None:
        """Write the file, if it is its turn."""
        if not self._is_due(context):
            return
        arrays, config = tree_to_parts(state_of(context))
        own = [array for name, array in arrays.items() if not name.startswith("callbacks/")]
        if not all(np.isfinite(array).all() for array in own):
            return  # within an epoch; the next loss will end the training, and the file before is of more use
        path = self._own.made(self.path)
        write_container(path, arrays, config, KIND)
        self.path_, self.step_ = path, context.step

    def on_train_close(self, context: Training) -> None:
        """Let others have the path."""
        self._own.release()

    def _is_due(self, context: Training) -> bool:
        if self.every_steps is not None and context.step % self.every_steps == 0:
            return True
        if context.position:
            return False
        ends = context.stopped or context.epoch == context.plan.max_epochs
        return ends or (self.every is not None and context.epoch % self.every == 0)
