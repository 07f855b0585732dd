"""A cluster of dask.distributed, on which a search runs; dask is imported where it is used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config

from crmsprop.cli.parser import UsageError
from crmsprop.errors import require_extra
from crmsprop.versions import __version__


@contextmanager
def cluster(address: str | None, data: Mapping[str, Any]) -> Iterator[None]:
    """Let joblib's work be done by the workers of a cluster while the block runs; None for this machine.

    Parameters
    ----------
    address : str or None
        Of the scheduler.
    data : mapping of arrays
        What each worker gets once, before the work begins.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    UsageError
        If a worker lacks this version of crmsprop.
    MemoryError
        If the cluster gives a task up, because it has ended several workers.
    OSError
        If the scheduler cannot be reached.
    """
    if address is None:
        yield
        return
    distributed = require_extra("distributed", "--scheduler", "distributed", "dask[distributed]")
    with distributed.Client(address, set_as_default=False) as client:
        _check_workers(client)
        try:
            with parallel_config(backend="dask", client=client, scatter=list(data.values())):
                yield
        except distributed.KilledWorker as error:
            raise MemoryError(f"the cluster gives up, because a fit has ended several workers: {error}") from error


def _check_workers(client: Any) -> None:
    """UsageError where a worker that is there has another crmsprop, or none."""
    try:
        versions = client.run(installed_version)
    except ImportError as error:
        raise UsageError(f"--scheduler must have workers with crmsprop {__version__} installed: {error}") from error
    for worker, version in versions.items():
        if version != __version__:
            raise UsageError(f"--scheduler must have workers with crmsprop {__version__}, got {version} on {worker}")


def installed_version() -> str:
    """Return the version of crmsprop in this process."""
    return __version__
