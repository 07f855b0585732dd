"""Calls of every compiled function with good arguments and with bad ones, drawn at random, by the million.

`recipes` draws a good call of each function, `spoiling` makes some of its arguments bad, `placing` puts each array
where no byte beside it can be touched unseen, `calls` makes the call and says what is wrong with what came of it, and
`running` has all of that done in a process of its own, which may crash. The same calls serve an ordinary build, where
pages without access lie beside the arrays, and one with sanitizers: `tests/reliability.py sanitize`.

At the root of tests/ and not in tests/kernels/, for the reason that `cifar_files` gives.
"""
