"""Something of all that a fit can leave behind, so that a test sees that it would be found."""

import tempfile
import threading

import numpy as np

from crmsprop.callbacks import Callback

#: Lives as long as its process.
KEPT = []


class Leaks(Callback):
    """Keeps 2 MB, an open file and a thread of each fit, and leaves a temporary file."""

    def on_train_end(self, context):
        _, name = tempfile.mkstemp()  # the descriptor stays open
        thread = threading.Thread(target=threading.Event().wait, daemon=True)
        thread.start()
        KEPT.append((np.ones(1 << 18), name, thread))
