"""Files that mean harm, by the ten thousand, for every reader of files; `tests/reliability.py files` runs it.

A file that is well-formed is changed by one who knows its format: numbers in headers, sizes, offsets and counts become
extreme, parts are cut, doubled and swapped, and checksums are made right again, so that the change reaches the code
behind them. A process reads it under watch. What may come of it is an error type of our own or a result: no crash, no
hang, no other file opened, nothing started, imported or executed, and little memory.
"""
