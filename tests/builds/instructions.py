"""Which instructions the compiled modules hold: none that the CPU may lack where it runs.

    python tests/builds/instructions.py FOLDER

looks at every extension module under a folder, such as an unpacked wheel. Each C source of the kernels is compiled for
three x86-64 levels, and their functions have the same names in all of them. What tells them apart is the table at the
end of each source, such as ``crm_dense_f32_v3``: the functions that it points at, and with them all of the same object
file, are for that level. All else in the module is for any x86-64.

Instructions are told apart by their encoding, which leaves no list of names to forget one in (Intel's Software
Developer's Manual, volume 2, chapter 2): in 64-bit code the bytes C4 and C5 always begin the VEX prefix of AVX, AVX2,
FMA and BMI, and 62 the EVEX prefix of AVX-512; SSSE3, SSE4 and all later extensions of the legacy encoding live in the
opcode maps 0F 38 and 0F 3A. Only SSE3, POPCNT and LZCNT need their names. Needs objdump and readelf.
"""

import bisect
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LEVELS = ("baseline", "v3", "v4")
TABLE = re.compile(r"crm_\w+_f(?:32|64)_(baseline|v3|v4)")

# tzcnt is not here: its encoding is that of "rep bsf", which every x86-64 runs.
NAMES = r"addsubp[sd]|h(?:add|sub)p[sd]|lddqu|mov(?:ddup|shdup|sldup)|fisttp\w*|popcnt\w*|lzcnt\w*"
PREFIXES = r"(?:(?:f0|f2|f3|66|67|2e|36|3e|26|64|65) )*(?:4[0-9a-f] )?"
NEEDS = {  # what an instruction looks like in objdump that a level must have: its bytes, its mnemonic, its operands
    "v4": rf"{PREFIXES}62 .*|.*%k[0-7]\b.*",
    "v3": rf"{PREFIXES}(?:c4|c5) .*",
    "v2": rf"{PREFIXES}0f (?:38|3a) .*|[^\t\n]*\t(?:{NAMES})\b.*",
}
LINES = {level: re.compile(rf"^ +([0-9a-f]+):\t({line})$", re.MULTILINE) for level, line in NEEDS.items()}
FORBIDDEN = {"baseline": ("v4", "v3", "v2"), "v3": ("v4",), "v4": ()}


class Function(NamedTuple):
    """A function of a module, in the order of their addresses."""

    start: int
    end: int
    name: str
    level: str


class Finding(NamedTuple):
    """An instruction that does not belong where it stands."""

    function: str
    level: str
    text: str


def findings(module):
    """Return what a module may not hold; ValueError where it does not say what it holds."""
    functions, code = functions_of(module), run("objdump", "-dw", module)
    bounds = [function.start for function in functions]
    found = []
    for needed, pattern in LINES.items():
        for line in pattern.finditer(code):
            function = at(functions, bounds, int(line[1], 16))
            if needed in FORBIDDEN[function.level]:
                found.append(Finding(function.name, function.level, " ".join(line[2].split())))
    return found


def functions_of(module):
    """Return the functions of a module, each with its level."""
    objects, tables = symbols(module)
    if not any(objects):
        raise ValueError(f"{module} must have its symbols, got one that was stripped")
    levels = levels_of(module, objects, tables)
    return sorted(f._replace(level=levels.get(index, f.level)) for index, group in enumerate(objects) for f in group)


def levels_of(module, objects, tables):
    """Return the level of each object file that has a table, by its number."""
    homes = {function.start: index for index, group in enumerate(objects) for function in group}
    targets = dict(pointers(module))
    levels = {}
    for name, start, size in tables:
        level = TABLE.fullmatch(name)[1]
        owners = {homes[targets[address]] for address in range(start, start + size, 8) if address in targets}
        if len(owners) > 1 or owners & set(levels):
            raise ValueError(f"{module} must have an object file of its own for each table, got none for {name}")
        levels |= dict.fromkeys(owners, level)  # none for a table of nothing: then its functions are for any CPU
    return levels


def symbols(module):
    """Return the functions of each object file that a module was linked from, and the tables of the kernels."""
    objects, tables = [[]], []
    for line in run("readelf", "-sW", module).rpartition("Symbol table '.symtab'")[2].splitlines():
        match line.split():
            case [_, _, _, "FILE", *_]:
                objects.append([])
            case [_, address, size, "FUNC", bind, _, section, name] if section != "UND":
                group = objects[-1] if bind == "LOCAL" else objects[0]
                group.append(Function(int(address, 16), int(address, 16) + int(size, 0), name, LEVELS[0]))
            case [_, address, size, "OBJECT", _, _, _, name] if TABLE.fullmatch(name):
                tables.append((name, int(address, 16), int(size, 0)))
    return objects, tables


def pointers(module):
    """Yield where a module holds the address of something of its own, and that address."""
    for line in run("readelf", "-rW", module).splitlines():
        match line.split():
            case [address, _, "R_X86_64_RELATIVE", target]:
                yield int(address, 16), int(target, 16)


def at(functions, bounds, address):
    """Return the function at an address; what is in none, such as the linker's jumps, is for any x86-64."""
    before = bisect.bisect_right(bounds, address) - 1
    if before >= 0 and address < functions[before].end:
        return functions[before]
    return Function(address, address, "(no function)", LEVELS[0])


def run(*command):
    """Return what a tool of binutils prints."""
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


def main(folder):
    """Print what was looked at and found; return the exit status."""
    modules = sorted(Path(folder).rglob("*.so"))
    modules = [module for module in modules if module.parent.name == "kernels"]
    found = {module.name: findings(module) for module in modules}
    for module, wrong in found.items():
        for finding in wrong[:20]:
            print(f"{module}: {finding.function} is {finding.level} code and holds {finding.text}")
    wrong = sum(map(len, found.values()))
    print(f"{len(modules)} modules, {wrong} instructions that do not belong where they stand")
    return int(bool(wrong) or not modules)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
