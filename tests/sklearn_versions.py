"""What the installed scikit-learn can do: some tests are for newer ones, and others for those before."""

from importlib.metadata import version

SKLEARN = tuple(int(part) for part in version("scikit-learn").split(".")[:2])

#: Whether it has callbacks of its own.
HAS_CALLBACKS = SKLEARN >= (1, 9)
