"""No compiled module holds an instruction that the CPU may lack where it runs; and the check would find one."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from builds.instructions import LEVELS, findings, functions_of
from crmsprop import kernels

needs_binutils = pytest.mark.skipif(
    platform.machine() != "x86_64" or not shutil.which("objdump") or not shutil.which("readelf"),
    reason="reads x86-64 modules with binutils",
)
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="compiles a module")
pytestmark = needs_binutils

MODULES = sorted(Path(kernels.__file__).parent.glob("*.so"))

#: A kernel source in small: a function that the table points at, and one that only it calls.
SOURCE = """
typedef {vector} vec __attribute__((vector_size({bytes}), aligned(1)));
static __attribute__((noinline)) void helper(vec *a, const vec *b) {{ *a {operation}; }}
static void kernel(void *a, const void *b) {{ helper((vec *)a, (const vec *)b); }}
void (*const crm_toy_f32_{level})(void *, const void *) = kernel;
"""
ADD = "+= *b"


def module(folder, *objects):
    """Link a module of sources: (level that its name says, flags, type, bytes, operation)."""
    built = []
    for index, (level, flags, vector, size, operation) in enumerate(objects):
        source = folder / f"{index}" / "toy.c"
        source.parent.mkdir()
        source.write_text(SOURCE.format(level=level, vector=vector, bytes=size, operation=operation))
        built.append(source.with_suffix(".o"))
        subprocess.run(["cc", "-O2", "-fPIC", *flags, "-c", str(source), "-o", str(built[-1])], check=True)
    subprocess.run(["cc", "-shared", "-o", str(folder / "toy.so"), *map(str, built)], check=True)
    return folder / "toy.so"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name.partition(".")[0])
def test_a_module_holds_nothing_that_the_cpu_may_lack(path):
    assert findings(path) == []


def test_the_levels_of_the_kernels_are_told_apart():
    (dense,) = (path for path in MODULES if path.name.startswith("_dense."))
    functions = functions_of(dense)
    levels = {function.level for function in functions}
    assert levels == set(LEVELS)
    many = [sum(f.level == level and "pyx" not in f.name for f in functions) for level in LEVELS]
    assert min(many) > 10
    assert {f.level for f in functions if "pyx" in f.name.lower()} == {"baseline"}


def test_each_level_has_what_it_is_for():
    """The same check, told that all is baseline code, finds the wide ones: the modules are not the same three times."""
    (dense,) = (path for path in MODULES if path.name.startswith("_dense."))
    code = subprocess.run(["objdump", "-dw", dense], capture_output=True, text=True, check=True).stdout
    assert "%ymm" in code
    assert "%zmm" in code
    assert "vfmadd" in code


@needs_compiler
@pytest.mark.parametrize(
    ("level", "flags", "vector", "size", "operation", "found"),
    [
        ("baseline", [], "float", 16, ADD, ""),
        ("baseline", ["-mavx2"], "int", 32, ADD, "vpaddd"),
        ("baseline", ["-mavx"], "float", 16, ADD, "vaddps"),
        ("baseline", ["-mavx512f"], "float", 64, ADD, "vaddps"),
        ("baseline", ["-mbmi2"], "long", 8, "= *a << ((*b)[0] & 63)", "shlx"),
        ("baseline", ["-msse4.1"], "int", 16, "*= *b", "pmulld"),
        ("baseline", ["-mpopcnt"], "long", 8, "= (vec){__builtin_popcountl((*b)[0])}", "popcnt"),
        ("baseline", [], "long", 8, "= (vec){__builtin_ctzl((*b)[0])}", ""),  # "rep bsf", which is no tzcnt there
        ("v3", ["-march=x86-64-v3"], "float", 32, ADD, ""),
        ("v3", ["-march=x86-64-v4", "-mprefer-vector-width=512"], "float", 64, ADD, "%zmm"),
        ("v3", ["-march=x86-64-v4"], "long", 32, "*= *b", "vpmullq"),
        ("v3", [], "float", 16, '+= *b; __asm__ volatile("kmovw %%k1, %%eax" ::: "eax")', "%k1"),
        ("v4", ["-march=x86-64-v4", "-mprefer-vector-width=512"], "float", 64, ADD, ""),
    ],
)
def test_the_check_finds_it(tmp_path, level, flags, vector, size, operation, found):
    said = findings(module(tmp_path, (level, flags, vector, size, operation)))
    assert bool(said) == bool(found)
    assert all(finding.level == level for finding in said)
    assert not found or any(found in finding.text for finding in said)


@needs_compiler
def test_functions_belong_to_the_table_of_their_object_file(tmp_path):
    """All of them are called kernel and helper."""
    wide = ["-march=x86-64-v3"]
    right = ("baseline", [], "float", 32, ADD), ("v3", wide, "float", 32, ADD)
    assert findings(module(tmp_path, *right)) == []
    assert {f.level for f in functions_of(tmp_path / "toy.so") if f.name == "helper"} == {"baseline", "v3"}


@needs_compiler
def test_code_without_a_table_is_for_any_cpu(tmp_path):
    path = module(tmp_path, ("other", ["-mavx2"], "float", 32, ADD))
    assert {finding.level for finding in findings(path)} == {"baseline"}


@needs_compiler
def test_a_module_without_symbols_is_no_proof(tmp_path):
    path = module(tmp_path, ("baseline", [], "float", 16, ADD))
    subprocess.run(["strip", str(path)], check=True)
    with pytest.raises(ValueError, match="must have its symbols"):
        findings(path)
