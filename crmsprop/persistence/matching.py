"""Which layer of a file belongs to which layer of a network, by order and shape.

Neither safetensors nor HDF5 keeps the order in which a model has its layers: both sort by name. What the names still
say is used: ``features.3`` is before ``features.10`` and ``conv1`` before ``conv2``, while between ``bn1`` and
``conv1``, or ``classifier`` and ``features``, nothing is known. So of all orders that the names allow, those are looked
for in which every layer has the shapes that it must have. One is the answer; two are an error, and never a guess.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from crmsprop.errors import FileFormatError
from crmsprop.nn.layer import Shape, describe_shape
from crmsprop.persistence.layouts import Library
from crmsprop.persistence.places import Place

#: Names that other people give to the way around a residual block, or to what is in it.
SHORTCUTS = frozenset({"shortcut", "downsample", "skip"})

#: Layers that are tried before the names are called too ambiguous.
MAX_TRIALS = 20_000

Shapes = Mapping[str, Shape]
Part = tuple[str, int | None]


class Conventions(NamedTuple):
    """What most models keep to, so that it is tried first.

    Attributes
    ----------
    pieces : bool
        The layers that stand in one part of a model are not apart from each other.
    blocks : bool
        A residual block is such a part, with nothing else in it.
    """

    pieces: bool
    blocks: bool


CONVENTIONS = (Conventions(True, True), Conventions(True, False), Conventions(False, False))


class Module(NamedTuple):
    """A layer of a file: its name, and the shapes of its arrays by their names in it."""

    name: str
    shapes: Shapes


class Needed(NamedTuple):
    """A layer of ours with the shapes that its arrays have in the file."""

    place: Place
    shapes: Shapes


def match(modules: Sequence[Module], orders: Sequence[Sequence[Needed]], library: Library) -> dict[str, Module]:
    """Return the layer of the file for each layer of ours, by the name of its place.

    Parameters
    ----------
    modules : sequence of Module
    orders : sequence of sequence of Needed
        The orders that our layers may have in the file, ours first.
    library : Library
        Whose names they are.

    Raises
    ------
    FileFormatError
        If there is none, or more than one way: says which layer, its shapes and what the file has.
    """
    if len(modules) != len(orders[0]):
        _refuse(modules, orders[0])
    if not modules:
        return {}
    for conventions in CONVENTIONS:
        found: list[dict[str, Module]] = []
        for order in orders:
            for assigned in _Search(modules, order, library, conventions).run():
                if assigned not in found:
                    found.append(assigned)
                if len(found) > 1:
                    _refuse_two(found)
        if found:
            return found[0]
    raise FileFormatError(_Search(modules, orders[0], library, CONVENTIONS[-1]).stuck_at())


def match_in_order(modules: Sequence[Module], orders: Sequence[Sequence[Needed]]) -> dict[str, Module]:
    """Return the layer of the file for each layer of ours, where the user has said in which order the file's are.

    Our own order wins; where it does not fit, another one that does may not have a rival.

    Raises
    ------
    FileFormatError
        If no order fits, or more than one that is not ours.
    """
    if len(modules) != len(orders[0]):
        _refuse(modules, orders[0])
    found: list[dict[str, Module]] = []
    for order in orders:
        if all(module.shapes == one.shapes for module, one in zip(modules, order, strict=True)):
            found.append({one.place.name: module for module, one in zip(modules, order, strict=True)})
            if order is orders[0]:
                return found[0]
    if not found:
        wrong = next(pair for pair in zip(modules, orders[0], strict=True) if pair[0].shapes != pair[1].shapes)
        raise FileFormatError(f"{_wanted(wrong[1])}, got {_described(wrong[0])}")
    if any(one != found[0] for one in found):
        _refuse_two([found[0], next(one for one in found if one != found[0])])
    return found[0]


class _Search:
    """Tries the layers of a file for one layer of ours after the other, and goes back where nothing fits."""

    def __init__(
        self, modules: Sequence[Module], needed: Sequence[Needed], library: Library, conventions: Conventions
    ) -> None:
        self._modules, self._needed, self._conventions = modules, needed, conventions
        self._parts = [_parts(module.name, library) for module in modules]
        self._after: list[list[int]] = [[] for _ in modules]  # which ones come after each
        self._waits_for = [0] * len(modules)  # how many that come before each are not used yet
        for i, first in enumerate(self._parts):
            for k, second in enumerate(self._parts):
                if _precedes(first, second):
                    self._after[i].append(k)
                    self._waits_for[k] += 1
        self._by_shapes: dict[frozenset[tuple[str, Shape]], list[int]] = {}
        for i, module in enumerate(modules):
            self._by_shapes.setdefault(frozenset(module.shapes.items()), []).append(i)
        self._open = Counter(parts[:depth] for parts in self._parts for depth in range(1, len(parts)))
        self._total = Counter(parts[:depth] for parts in self._parts for depth in range(1, len(parts) + 1))
        self._ends = _ends_of_blocks([one.place for one in needed])
        self._used: list[int] = []
        self._furthest: list[int] = []

    def run(self) -> Iterator[dict[str, Module]]:
        """Yield every way to match."""
        trials, choices = 0, [self._candidates()]
        while choices:
            chosen = next(choices[-1], None)
            trials += 1
            if trials > MAX_TRIALS:
                raise FileFormatError("the names of its arrays leave too many orders open: give `order`")
            if chosen is None:
                choices.pop()
                if choices:
                    self._take_back()
                continue
            self._take(chosen)
            if len(self._used) < len(self._needed):
                choices.append(self._candidates())
                continue
            yield {one.place.name: self._modules[i] for one, i in zip(self._needed, self._used, strict=True)}
            self._take_back()

    def stuck_at(self) -> str:
        """Return what is wrong at the layer beyond which no way leads."""
        for _ in self.run():
            break
        one = self._needed[min(len(self._furthest), len(self._needed) - 1)]
        left = set(range(len(self._modules))) - set(self._furthest)
        blocked = {k for i in left for k in self._after[i]}
        alike = sorted(left - blocked, key=lambda i: -len(self._modules[i].shapes.items() & one.shapes.items()))
        more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
        return (
            f"{_wanted(one)}; next in the file is {' or '.join(_described(self._modules[i]) for i in alike[:3])}{more}"
        )

    def _candidates(self) -> Iterator[int]:
        """What may come next. The list is made at once: what is open changes between two of them."""
        one = self._needed[len(self._used)]
        alike = self._by_shapes.get(frozenset(one.shapes.items()), [])
        return iter([i for i in alike if self._waits_for[i] == 0 and i not in self._used and self._fits(i, one.place)])

    def _fits(self, i: int, place: Place) -> bool:
        if not place.within_shortcut and any(stem in SHORTCUTS for stem, _ in self._parts[i]):
            return False
        if self._conventions.pieces and not self._leaves_nothing_open(i):
            return False
        return not self._conventions.blocks or self._ends_its_blocks(i)

    def _leaves_nothing_open(self, i: int) -> bool:
        """Whether every part of the model that the step to this layer leaves is done with."""
        left = self._parts[self._used[-1]] if self._used else ()
        shared = _n_shared(left, self._parts[i])
        return all(self._open[left[:depth]] == 0 for depth in range(shared + 1, len(left)))

    def _ends_its_blocks(self, i: int) -> bool:
        """Whether each block that is complete with this layer is all of a part of the model."""
        used = [*self._used, i]
        for start in self._ends.get(len(self._used), []):
            first = self._parts[used[start]]
            shared = min(_n_shared(first, self._parts[k]) for k in used[start:])
            if self._total[first[:shared]] != len(used) - start:
                return False
        return True

    def _take(self, i: int) -> None:
        self._count(i, -1)
        self._used.append(i)
        if len(self._used) > len(self._furthest):
            self._furthest = list(self._used)

    def _take_back(self) -> None:
        self._count(self._used.pop(), 1)

    def _count(self, i: int, change: int) -> None:
        for k in self._after[i]:
            self._waits_for[k] += change
        for depth in range(1, len(self._parts[i])):
            self._open[self._parts[i][:depth]] += change


def _parts(name: str, library: Library) -> tuple[Part, ...]:
    """The parts of a name, each as its text and the number at its end."""
    return tuple(_part(text, library) for text in name.split(library.separator))


def _part(text: str, library: Library) -> Part:
    number = re.search(r"_?([0-9]{1,9})\Z", text)
    if number:
        return text[: number.start()], int(number[1])
    return text.removesuffix("_"), 0 if library.unnumbered_is_first else None


def _n_shared(first: Sequence[Part], second: Sequence[Part]) -> int:
    """How many parts two names begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((depth for depth, (one, other) in pairs if one != other), min(len(first), len(second)))


def _ends_of_blocks(places: Sequence[Place]) -> dict[int, list[int]]:
    """For each place that is the last of residual blocks, the indices of the first ones of these."""
    spans: dict[str, tuple[int, int]] = {}
    for k, place in enumerate(places):
        parts = place.name.split(".")
        for depth in range(1, len(parts), 2):
            block = ".".join(parts[:depth])
            spans[block] = spans.get(block, (k, k))[0], k
    ends: dict[int, list[int]] = {}
    for start, end in spans.values():
        ends.setdefault(end, []).append(start)
    return ends


def _precedes(first: tuple[Part, ...], second: tuple[Part, ...]) -> bool:
    """Whether a name is surely before another: they differ first in a number behind the same text."""
    for (stem, number), (other_stem, other_number) in zip(first, second, strict=False):
        if stem != other_stem:
            return False
        if number != other_number:
            return number is not None and other_number is not None and number < other_number
    return False


def _refuse(modules: Sequence[Module], needed: Sequence[Needed]) -> None:
    """Raise for a file with too many or too few layers: what is left over of either."""
    theirs = Counter(frozenset(module.shapes.items()) for module in modules)
    ours = Counter(frozenset(one.shapes.items()) for one in needed)
    message = f"the network has {len(needed)} layers with weights, and the file {len(modules)}"
    for one in needed:
        if (ours - theirs)[frozenset(one.shapes.items())]:
            raise FileFormatError(f"{message}: {_wanted(one)}, and the file has none")
    for module in modules:
        if (theirs - ours)[frozenset(module.shapes.items())]:
            raise FileFormatError(f"{message}: nothing takes {_described(module)}")


def _refuse_two(found: Sequence[Mapping[str, Module]]) -> None:
    place = next(name for name in found[0] if found[0][name] != found[1][name])
    first, second = (one[place].name for one in found[:2])
    raise FileFormatError(
        f"layer {place} can be {first!r:.100} or {second!r:.100} by order and shape: give `order`, the names in the "
        "order of the layers"
    )


def _wanted(one: Needed) -> str:
    return f"{one.place} needs {_arrays(one.shapes)}"


def _described(module: Module) -> str:
    return f"{module.name!r:.100} with {_arrays(module.shapes)}"


def _arrays(shapes: Shapes) -> str:
    shown = [f"{name:.60} {describe_shape(shape):.100}" for name, shape in list(shapes.items())[:6]]
    return ", ".join([*shown, *(["..."] if len(shapes) > 6 else [])]) or "no array"
