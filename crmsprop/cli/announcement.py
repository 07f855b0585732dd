"""What a command says before it trains."""

import sys

from crmsprop.callbacks import Callback
from crmsprop.cli.data import Data
from crmsprop.cli.terminal import show
from crmsprop.training import Training


class Announcement(Callback):
    """Says on standard error what is trained, once nothing stands in the way of it."""

    def __init__(self, data: Data) -> None:
        self.data = data

    def on_train_begin(self, context: Training) -> None:
        network = context.network
        network_line = f"{network.n_parameters:,} parameters, {network.dtype}, threads: {context.plan.n_threads}"
        show(f"{self.data.describe()}\n{network_line}", sys.stderr)
