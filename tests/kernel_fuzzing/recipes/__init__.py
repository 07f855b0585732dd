"""A good call of every compiled function, of shapes and numbers drawn at random: its arguments by name, in order."""

from kernel_fuzzing.recipes import checks, elements, layers, rmsprop, rows, windows

FAMILIES = (rmsprop, layers, windows, elements, rows, checks)
#: By name, what draws the arguments of a call.
RECIPES = {name: recipe for family in FAMILIES for name, recipe in family.RECIPES.items()}
