"""The rules of DESIGN section 2, read from the sources without running them; test_architecture.py applies them."""

import ast
import graphlib
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# A module imports from strictly lower levels only. `errors` is open to all and imports nothing of ours.
LEVELS = {
    "errors": -1,
    **dict.fromkeys(("kernels", "schedules", "files"), 0),
    **dict.fromkeys(("optimizer", "nn", "augment", "datasets", "versions"), 1),
    **dict.fromkeys(("training", "persistence"), 2),
    "callbacks": 3,
    "estimators": 4,
    "display": 5,
    "cli": 6,
    "": 7,  # crmsprop/__init__.py and __main__.py: they gather the public names and are imported by nobody
}
THIRD_PARTY = {"numpy", "scipy", "sklearn", "joblib", "threadpoolctl"}  # what a plain installation brings
UNSAFE = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal"}
PICKLETOOLS_READER = "crmsprop.datasets.safe_pickle"  # reads opcodes, runs none


class Import(NamedTuple):
    module: str  # where it stands
    target: str  # a module, or a name in one
    line: int
    at_top: bool  # runs when the module is imported


# reading


def sources(root=ROOT):
    """Every module's text by dotted name."""
    found = {}
    for path in sorted((root / "crmsprop").rglob("*.py*")):
        if path.suffix in (".py", ".pyx"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def packages(root=ROOT):
    return {".".join(path.parent.relative_to(root).parts) for path in (root / "crmsprop").rglob("__init__.py")}


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def walk(node, at_top=True):
    """Every statement that can run, with whether it runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        inside = at_top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if is_type_checking(child):
            for statement in child.orelse:
                yield statement, inside
                yield from walk(statement, inside)
        else:
            yield child, inside
            yield from walk(child, inside)


def absolute(module, node, is_package):
    """What ``from ... import`` starts from, without leading dots."""
    if not node.level:
        return node.module
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def imports_of(module, text, is_package=False):
    if module.rpartition(".")[2].startswith("_") and re.search(r"^\s*cimport |\bcdef ", text, re.MULTILINE):
        return cython_imports(module, text)
    found = []
    for node, at_top in walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [Import(module, alias.name, node.lineno, at_top) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            start = absolute(module, node, is_package)
            found += [Import(module, f"{start}.{alias.name}", node.lineno, at_top) for alias in node.names]
    return found


def cython_imports(module, text):
    """Cython is no Python to `ast`: its imports are lines."""
    lines = re.finditer(r"^\s*(?:from|c?import) +([\w.]+)(?: +c?import +([\w, ]+))?", text, re.MULTILINE)
    return [
        Import(module, ".".join(filter(None, (start, name.strip()))), text[: line.start()].count("\n") + 1, True)
        for line in lines
        for start, names in [line.groups()]
        for name in (names or "").split(",")
    ]


def every_import(texts, package_names):
    return [one for module, text in texts.items() for one in imports_of(module, text, module in package_names)]


def resolve(target, texts):
    """The module of ours that a target is in, or None: ``crmsprop.nn.dense.Dense`` is in ``crmsprop.nn.dense``."""
    while target and target not in texts:
        target = target.rpartition(".")[0]
    return target or None


# rules: each returns its violations as text


def part(module):
    """The entry of LEVELS that a module belongs to."""
    name = module.partition(".")[2].partition(".")[0]
    return "" if name == "__main__" else name


def wrong_arrows(texts, found):
    wrong = []
    for one in found:
        target = resolve(one.target, texts)
        if target is None or part(one.module) == part(target):
            continue
        if LEVELS[part(target)] >= LEVELS[part(one.module)]:
            wrong.append(f"{one.module}:{one.line} imports {one.target}")
    return wrong


def cycles(texts, found):
    graph = {module: set() for module in texts}
    for one in found:
        target = resolve(one.target, texts)
        if target and target != one.module:
            graph[one.module].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def public_names(module, text, is_package=True):
    """Names that ``__all__`` must hold, those that it may hold, and what it holds."""
    own, bound, listed = set(), set(), None
    for node, at_top in walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and at_top:
            names = {alias.asname or alias.name for alias in node.names}
            bound |= names
            if absolute(module, node, is_package).startswith(f"{module}."):
                own |= {name for name in names if not name.startswith("_")}
        if isinstance(node, ast.Assign) and at_top:
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            bound |= targets
            listed = ast.literal_eval(node.value) if "__all__" in targets else listed
    return own, bound, listed


def wrong_exports(texts, package_names):
    wrong = []
    for module in sorted(package_names):
        own, bound, listed = public_names(module, texts[module])
        if listed is None:
            wrong.append(f"{module} has no __all__")
            continue
        wrong += [f"{module} imports {name}, which is not in __all__" for name in sorted(own - set(listed))]
        wrong += [f"{module}.__all__ lists {name}, which it lacks" for name in sorted(set(listed) - bound)]
        wrong += [f"{module}.__all__ lists a name twice" for _ in range(len(listed) != len(set(listed)))]
    return wrong


def optional_at_top(found):
    allowed = sys.stdlib_module_names | THIRD_PARTY | {"crmsprop", "cython", "libc"}
    return [
        f"{one.module}:{one.line} imports {one.target} at module level"
        for one in found
        if one.at_top and one.target.split(".")[0] not in allowed
    ]


def unsafe(found):
    top = [(one, one.target.split(".")[0]) for one in found]
    return [
        f"{one.module}:{one.line} imports {name}"
        for one, name in top
        if name in UNSAFE or (name == "pickletools" and one.module != PICKLETOOLS_READER)
    ]
