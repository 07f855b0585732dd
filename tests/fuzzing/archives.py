"""Damage within tar.gz and zip archives, and to what they hold: pickled batches, and arrays of NumPy."""

import functools
import gzip
import io
import itertools
import pickletools
import struct
import tarfile
import warnings
import zipfile
import zlib

from fuzzing.damage import NUMBERS, damaged, number

# ---- pickled batches

#: Opcodes that the official files have no use for, or whose argument promises more than there is.
HOSTILE = (
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"cnumpy\nload\n",
    b"c\n\n",
    b"\x93",
    b"R",
    b"o",
    b"\x81",
    b"\x92",
    b"b",
    b"0",
    b"1",
    b"2",
    b"(",
    b"t",
    b"l",
    b"d",
    b"e",
    b"u",
    b"s",
    b"a",
    b"\x85",
    b"\x87",
    b"\x94",
    b"Q",
    b"Pid\n",
    b".",
    b"]",
    b"}",
    b"r\xff\xff\xff\xff",
    b"r\x00\x00\x00\x80",
    b"j\xff\xff\xff\xff",
    b"h\xff",
    b"q\x00",
    b"\x82\x01",
    b"\x84\xff\xff\xff\x7f",
    b"T\xff\xff\xff\x7f",
    b"T\xff\xff\xff\xff",
    b"X\xff\xff\xff\xff",
    b"\x8d" + b"\xff" * 8,
    b"\x8e" + b"\xff" * 8,
    b"\x96" + b"\xff" * 7 + b"\x7f",
    b"\x95" + b"\xff" * 8,
    b"\x8b\xff\xff\xff\x7f",
    b"\x8a\x08" + b"\xff" * 8,
    b"I" + b"9" * 5000 + b"\n",
    b"L" + b"9" * 5000 + b"L\n",
    b"F1e999\n",
    b"Vx\\ud800\n",
    b"S'\\x00'\n",
    b"N",
    b"\x88",
    b"\x80\xff",
    b"J\xff\xff\xff\xff",
    b"M\xff\xff",
    b"K\xff",
    b"(" * 3000,
    b")" * 3000,
    b"}\x94" * 3000,
    b"]" * 3000 + b"a" * 2999,
)


def pickled(data, rng):
    """A pickled batch with opcodes that are put in, left out, doubled, swapped, or changed within."""
    if rng.random() < 0.2 or data[:1] != b"\x80":  # in an archive, there are others than batches
        return damaged(data, rng)
    try:
        parts = list(_opcodes(data))
    except ValueError:  # it was changed before
        return damaged(data, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(parts))
        rng.choice(PICKLE_CHANGES)(parts, at, rng)
    return b"".join(parts)


@functools.lru_cache(maxsize=32)
def _opcodes(data):
    places = [at for _, _, at in pickletools.genops(data)] + [len(data)]
    return tuple(data[begin:end] for begin, end in itertools.pairwise(places))


def _put_opcode(parts, at, rng):
    parts.insert(at, rng.choice(HOSTILE))


def _replace_opcode(parts, at, rng):
    parts[at] = rng.choice(HOSTILE)


def _double_opcode(parts, at, rng):
    parts[at:at] = [parts[at]] * rng.choice((1, 1, 10, 60_000 if len(parts[at]) < 100 else 1))


def _swap_opcodes(parts, at, rng):
    other = rng.randrange(len(parts))
    parts[at], parts[other] = parts[other], parts[at]


def _change_opcode(parts, at, rng):
    parts[at] = damaged(parts[at], rng) if parts[at] else b""


def _remove_opcode(parts, at, rng):
    parts[at] = b""


PICKLE_CHANGES = (_put_opcode, _replace_opcode, _double_opcode, _swap_opcodes, _change_opcode, _remove_opcode)

# ---- tar.gz

#: The fields of a tar header: where they are, and how long.
TAR_FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "size": (124, 12),
    "checksum": (148, 8),
    "kind": (156, 1),
    "link": (157, 100),
    "magic": (257, 8),
    "prefix": (345, 155),
}
KINDS = b"\x00" + b"01234567gxLKSVMDNAX\xff "


def tar_gz(data, rng, change_member):
    """An archive whose stream, headers, members or order are changed; `change_member` is for what a member holds."""
    kind = rng.random()
    if kind < 0.1:
        return damaged(data, rng)
    blocks = list(_members(data))
    if kind < 0.2:
        return _compressed(damaged(b"".join(map(b"".join, blocks)), rng), rng)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(blocks))
        rng.choice(TAR_CHANGES)(blocks, at, rng, change_member)
    end = bytes(rng.choice((1024, 1024, 1024, 0, 512, 5000)))
    return _compressed(b"".join(map(b"".join, blocks)) + end, rng)


@functools.lru_cache(maxsize=8)
def _members(data):
    """The header and the data, filled up to whole blocks, of each member."""
    tar, found, at = gzip.decompress(data), [], 0
    while any(tar[at : at + 512]):
        size = tarfile.TarInfo.frombuf(tar[at : at + 512], "utf-8", "strict").size
        end = at + 512 + size + -size % 512
        found.append((tar[at : at + 512], tar[at + 512 : end]))
        at = end
    return tuple(found)


def _compressed(tar, rng):
    data = gzip.compress(tar, compresslevel=1, mtime=0)
    kind = rng.random()
    if kind < 0.03:
        return data[: rng.randrange(len(data))]
    if kind < 0.06:
        return data + rng.choice((data, b"x", gzip.compress(b"more")))
    if kind < 0.065:
        return gzip.compress(tar[:512], compresslevel=1, mtime=0)[:-8] + _zeros(200 * 2**20)
    return data


@functools.lru_cache(maxsize=4)
def _zeros(n_bytes):
    """Very many zeros, a thousandth of that deflated."""
    deflate = zlib.compressobj(9, wbits=-15)
    return b"".join(deflate.compress(bytes(2**20)) for _ in range(n_bytes >> 20)) + deflate.flush()


def _change_header(blocks, at, rng, change_member):
    header, data = bytearray(blocks[at][0] or bytes(512)), blocks[at][1]
    name = rng.choice((*TAR_FIELDS, "size", "size", "kind"))
    begin, length = TAR_FIELDS[name]
    header[begin : begin + length] = _field(name, length, rng)
    blocks[at] = (_with_checksum(header) if name != "checksum" or rng.random() < 0.5 else bytes(header), data)


def _field(name, length, rng):
    """A field of a header: octal digits, the binary form for large numbers, or a name that leads elsewhere."""
    if name == "kind":
        return bytes([rng.choice(KINDS)])
    names = (
        b"/etc/passwd",
        b"../../x",
        b"cifar-10-batches-py/../../x",
        b"./",
        b"\xff\xfe",
        b"cifar-10-batches-py/test_batch",
    )
    digits = b"%o" % rng.choice(NUMBERS)
    binary = rng.choice((b"\x80", b"\xff")) + rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    text = (
        rng.choice(names) if name in ("name", "link", "prefix") else rng.choice((digits, digits, binary, b"-1", b"9z"))
    )
    return text[:length].ljust(length, rng.choice((b"\0", b"\0", b" ", b"x")))


def _with_checksum(header):
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _change_data(blocks, at, rng, change_member):
    """Change what a member holds, and say in its header how long it is now."""
    header, data = bytearray(blocks[at][0]), blocks[at][1]
    if not data or not header:
        return
    try:
        size = int(header[124:135], 8)
    except ValueError:  # it was changed before
        size = len(data)
    new = change_member(data[: max(size, 1)], rng)
    header[124:136] = b"%011o\0" % len(new)
    blocks[at] = (_with_checksum(header), new + bytes(-len(new) % 512))


def _remove_member(blocks, at, rng, change_member):
    blocks[at] = (b"", b"")


def _double_member(blocks, at, rng, change_member):
    blocks.insert(rng.randrange(len(blocks)), blocks[at])


def _put_extended(blocks, at, rng, change_member):
    """An extended header that says something else of the member behind it."""
    words = (
        b"path=/etc/passwd",
        b"size=99999999999",
        b"linkpath=x",
        b"GNU.sparse.map=0,1",
        b"GNU.sparse.realsize=9999999999",
    )
    line = rng.choice(words) + b"\n"
    record = rng.choice((b"%d " % (len(line) + 3) + line, b"9999999999 " + line, line)) * rng.choice((1, 1, 5000))
    info = tarfile.TarInfo("x")
    info.size, info.type = len(record), rng.choice((b"x", b"g", b"L", b"K", b"S", b"X"))
    blocks.insert(at, (info.tobuf(tarfile.USTAR_FORMAT), record + bytes(-len(record) % 512)))


TAR_CHANGES = (
    _change_header,
    _change_header,
    _change_data,
    _change_data,
    _remove_member,
    _double_member,
    _put_extended,
)

# ---- arrays of NumPy, and zip archives of them

DTYPES = (
    "'<f8'",
    "'>f4'",
    "'|u1'",
    "'<i8'",
    "'<U1000000000'",
    "'|V2147483647'",
    "'<U0'",
    "'|S0'",
    "'|V0'",
    "'|O'",
    "'<M8[s]'",
    "'<c16'",
    "'|b1'",
    "'<f2'",
    "'<U3'",
    "'f8,f8'",
    "'(9999999,)f8'",
    "[('a', '<f8')]",
    "[('a', '|O')]",
    "[('a', '<f8', (2147483647, 9))]",
    "'x'",
    "None",
    "()",
    "{}",
    "'<f8\\x00'",
    "'<g16'",
    "'int'",
    "'U'",
    "['<f8']",
    "'<f8' * 10**9",
    "__import__('os').getcwd()",
)
SHAPES = (
    "()",
    "(0,)",
    "(0, 0)",
    "(0, 4611686018427387904)",
    "(4611686018427387904, 0)",
    "(-1,)",
    "(-1, 5)",
    "(2147483648, 5)",
    "(9223372036854775807,)",
    "(18446744073709551616,)",
    "(4294967296, 4294967296)",
    "(1,) * 65",
    "[5, 5]",
    "5",
    "(True, 5)",
    "(5.0,)",
    "('5',)",
    "(1,)",
    "(24, 5, 1, 1, 1)",
    "(" + "1, " * 70 + ")",
    "(99999999999999999999999,)",
    "((5,),)",
    "(5,",
    "(" * 300 + ")" * 300,
)


def npy(data, rng):
    """An array whose header says something else, or whose numbers are others."""
    kind = rng.random()
    if kind < 0.25 or data[:8] != b"\x93NUMPY\1\0":  # one that was changed before
        return damaged(data, rng)
    (length,) = struct.unpack("<H", data[8:10])
    header, body = data[10 : 10 + length].decode("latin1"), data[10 + length :]
    if kind < 0.45:
        return data[: 10 + length] + damaged(body or b"\0", rng)
    for _ in range(rng.choice((1, 1, 2))):
        header = rng.choice((_other_dtype, _other_shape, _other_shape, _other_text))(header, rng)
    text = header.encode("latin1", "replace")
    if rng.random() < 0.1:
        text = damaged(text, rng)
    version, form = rng.choice((((1, 0), "<H"),) * 9 + (((2, 0), "<I"), ((3, 0), "<I"), ((9, 9), "<H"), ((2, 0), "<H")))
    size = min(len(text), 65535) if rng.random() < 0.95 else rng.choice(NUMBERS) % 2**16
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, size) + text + body


def _other_dtype(header, rng):
    begin, end = header.find("'descr': ") + 9, header.find(", 'fortran_order'")
    return header[:begin] + rng.choice(DTYPES) + header[end:]


def _other_shape(header, rng):
    begin, end = header.find("'shape': ") + 9, header.rfind(", }")
    return header[:begin] + rng.choice(SHAPES) + header[end:]


def _other_text(header, rng):
    pairs = (
        ("False", "True"),
        ("False", "2"),
        ("'descr'", "'x'"),
        ("}", ""),
        (", }", ", 'x': 1}"),
        ("{", "[" * 99),
        (" ", "\n"),
    )
    return header.replace(*rng.choice(pairs), 1)


#: The records of a zip archive: their signatures, and the places and sizes of the numbers in them.
ZIP_RECORDS = {
    b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x01\x02": ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)),
    b"PK\x05\x06": ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}
METHODS = (zipfile.ZIP_STORED,) * 4 + (zipfile.ZIP_DEFLATED,) * 4 + (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def npz(data, rng):
    """An archive of arrays: its own records, or the arrays in it, which then have right sizes and checksums."""
    kind = rng.random()
    if kind < 0.1:
        return damaged(data, rng)
    members = list(_zip_members(data))
    if kind < 0.7:
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(len(members))
            rng.choice(ZIP_CHANGES)(members, at, rng)
    new = _zipped(members, rng)
    return _with_other_records(new, rng) if kind > 0.65 else new


@functools.lru_cache(maxsize=8)
def _zip_members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return tuple((name, archive.read(name)) for name in archive.namelist())


def _zipped(members, rng):
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, rng.choice(METHODS), 1)
    return out.getvalue()


def _with_other_records(data, rng):
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        signature = rng.choice(tuple(ZIP_RECORDS))
        places = [at for at in range(len(data) - 3) if data[at : at + 4] == signature]
        at, (offset, size) = rng.choice(places), rng.choice(ZIP_RECORDS[signature])
        new[at + offset : at + offset + size] = number(rng, size)
    return bytes(new)


def _change_array(members, at, rng):
    members[at] = (members[at][0], npy(members[at][1], rng))


def _rename_member(members, at, rng):
    names = ("X.npy", "y.npy", "X", "X_test.npy", "../X.npy", "/X.npy", "", "X.npy\0", "é.npy", "x" * 5000)
    members[at] = (rng.choice(names), members[at][1])


def _swap_members(members, at, rng):
    other = rng.randrange(len(members))
    (name, content), (other_name, other_content) = members[at], members[other]
    members[at], members[other] = (name, other_content), (other_name, content)


def _lengthen(members, at, rng):
    members[at] = (members[at][0], members[at][1] + bytes(rng.choice((1, 8, 10_000, 10_000_000))))


def _change_content(members, at, rng):
    members[at] = (members[at][0], rng.choice((b"", b"x", bytes(1000), damaged(members[at][1], rng))))


ZIP_CHANGES = (_change_array,) * 5 + (_rename_member, _swap_members, _lengthen, _change_content)
