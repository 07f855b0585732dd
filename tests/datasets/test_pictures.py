"""Pictures to pixels: formats, colours, and files that mean harm."""

import io
import struct
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crmsprop.datasets import pictures
from crmsprop.datasets.pictures import measure_picture, read_picture
from crmsprop.errors import FileFormatError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return Path(path)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "a.tiff"])
def test_formats_that_lose_nothing(folder, name):
    np.testing.assert_array_equal(read_picture(saved(name, COLOURS), (5, 7, 3)), COLOURS)


@pytest.mark.parametrize(("name", "error"), [("a.jpg", 60), ("a.webp", 60), ("a.gif", 60)])
def test_formats_that_lose_something(folder, name, error):
    smooth = np.add.outer(np.arange(0, 160, 10), np.arange(0, 64, 4))[..., None].repeat(3, axis=2).astype(np.uint8)
    got = read_picture(saved(name, smooth), smooth.shape)
    assert np.abs(got.astype(int) - smooth).max() < error
    assert np.corrcoef(got.ravel(), smooth.ravel())[0, 1] > 0.98


def test_the_content_counts_and_not_the_name(folder):
    saved("a.png", COLOURS).rename("a.jpg")
    np.testing.assert_array_equal(read_picture(Path("a.jpg"), (5, 7, 3)), COLOURS)


def test_grey_and_colours_become_each_other(folder):
    grey = COLOURS[..., 0]
    np.testing.assert_array_equal(read_picture(saved("g.png", grey), (5, 7, 3)), grey[..., None].repeat(3, 2))
    got = read_picture(saved("c.png", COLOURS), (5, 7, 1))
    luminance = COLOURS @ [0.299, 0.587, 0.114]  # ITU-R 601-2
    assert got.shape == (5, 7, 1)
    np.testing.assert_allclose(got[..., 0], luminance, atol=1)


def test_transparency(folder):
    opacity = RNG.integers(0, 256, (5, 7, 1)).astype(np.uint8)
    path = saved("a.png", np.concatenate([COLOURS, opacity], axis=2))
    np.testing.assert_array_equal(read_picture(path, (5, 7, 3)), COLOURS)
    np.testing.assert_array_equal(read_picture(path, (5, 7, 4))[..., 3:], opacity)


def test_a_palette_with_transparency_is_read_without_a_warning(folder):
    image = Image.fromarray(COLOURS).quantize(8)
    image.save("p.png", transparency=bytes(range(8)))
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_picture(Path("p.png"), (5, 7, 3)), expected)


def test_the_first_frame_is_taken(folder):
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    assert (read_picture(Path("a.gif"), (4, 4, 1)) == 10).all()


def test_a_photograph_that_was_held_sideways_is_turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to see it upright
    path = saved("a.png", COLOURS, exif=exif)
    np.testing.assert_array_equal(read_picture(path, (7, 5, 3)), np.rot90(COLOURS, -1))


def test_resizing_means_over_what_falls_together(folder):
    """A tenth of the size: the centre of each block of constant colour keeps it."""
    blocks = np.kron(np.array([[0, 250], [100, 50]], np.uint8), np.ones((40, 40), np.uint8))
    got = read_picture(saved("a.png", blocks), (8, 8, 1))[..., 0]
    np.testing.assert_array_equal(got[[1, 1, 6, 6], [1, 6, 1, 6]], [0, 250, 100, 50])
    assert read_picture(Path("a.png"), (3, 9, 3)).shape == (3, 9, 3)


def test_a_large_photograph_is_decoded_at_a_fraction_of_its_size(folder):
    """Smooth, so that its value at a place is known however it was resized: red grows to the right, green downwards."""
    right, down = np.meshgrid(np.linspace(0, 255, 1200), np.linspace(0, 255, 900))
    large = np.stack([right, down, np.zeros_like(right)], axis=2).astype(np.uint8)
    exif = Image.Exif()
    saved("a.jpg", large, quality=95)
    exif[0x0112] = 6
    saved("sideways.jpg", large, quality=95, exif=exif)
    places = (np.arange(16) + 0.5) / 16 * 255
    expected = np.stack([*np.meshgrid(places, places), np.zeros((16, 16))], axis=2)
    np.testing.assert_allclose(read_picture(Path("a.jpg"), (16, 16, 3)), expected, atol=4)
    np.testing.assert_allclose(read_picture(Path("sideways.jpg"), (16, 16, 3)), np.rot90(expected, -1), atol=4)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("PA", 3), ("RGB", 3), ("RGBA", 3), ("CMYK", 3), ("YCbCr", 3)],
)
def test_the_head_tells_size_and_colours(folder, mode, channels):
    Image.fromarray(COLOURS).convert(mode).save("a.tiff")
    assert measure_picture(Path("a.tiff")) == (5, 7, channels)


def test_the_head_tells_that_it_was_held_sideways(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert measure_picture(saved("a.jpg", COLOURS, exif=exif)) == (7, 5, 3)


# files that are damaged or mean harm


@pytest.mark.parametrize(
    "array", [np.zeros((5, 7), np.uint16), np.zeros((5, 7), np.int32), np.zeros((5, 7), np.float32)]
)
def test_more_than_8_bits_are_not_cut_off(folder, array):
    with pytest.raises(FileFormatError, match="it must have 8 bits a channel, got Pillow's mode"):
        read_picture(saved("a.tiff", array), (5, 7, 1))


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def deep_png(colour_type, channels):
    """Return a PNG of 7 x 5 pixels with 16 bits a channel, each 0x0180, which is 1.5 of 255."""
    rows = (b"\0" + b"\x01\x80" * (7 * channels)) * 5
    header = struct.pack(">IIBBBBB", 7, 5, 16, colour_type, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks.items())


def deep_tiff(order, channels, planar):
    """Return such a TIFF, not compressed; `planar` is 2 for a strip a channel."""
    pixels = struct.pack(order + "H", 0x0180) * (35 * channels)
    n_strips = channels if planar == 2 else 1
    size = len(pixels) // n_strips
    tags = {256: [7], 257: [5], 258: [16] * channels, 259: [1], 262: [2], 273: [8 + i * size for i in range(n_strips)]}
    tags |= {277: [channels], 278: [5], 279: [size] * n_strips, 284: [planar], **({338: [2]} if channels == 4 else {})}
    start = 8 + len(pixels)
    entries, behind = b"", b""
    for tag, values in tags.items():
        content = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            place = start + 2 + 12 * len(tags) + 4 + len(behind)
            content, behind = struct.pack(order + "I", place), behind + content
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + content
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, start)
    return head + pixels + struct.pack(order + "H", len(tags)) + entries + bytes(4) + behind


def deep_ppm(largest):
    return b"P6 7 5 %d\n" % largest + b"\x01\x80" * (3 * 35)


DEEP = {
    "PNG RGB": deep_png(2, 3),
    "PNG RGBA": deep_png(6, 4),
    "PNG LA": deep_png(4, 2),
    "PNG grey": deep_png(0, 1),
    **{
        f"TIFF {order}{channels}{planar}": deep_tiff(order, channels, planar)
        for order in "<>"
        for channels in (3, 4)
        for planar in (1, 2)
    },
    "PPM": deep_ppm(65535),
    "PPM of 10 bits": deep_ppm(1023),
}


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
def test_16_bits_are_refused_though_pillow_calls_them_8(folder, content):
    Path("a").write_bytes(content)
    with Image.open("a") as picture:  # nothing else is wrong with it
        assert picture.size == (7, 5)
        picture.load()
    for read in (measure_picture, lambda path: read_picture(path, (5, 7, 3))):
        with pytest.raises(FileFormatError, match=r"it must have 8 bits a channel, got (1|Pillow's mode I)"):
            read(Path("a"))


def test_fewer_than_8_bits_are_no_more(folder):
    """A picture of 5, 6 and 5 bits, and one whose largest value is 100."""
    pixels = bytes(4 * 2)
    info = struct.pack("<IiiHHIIiiII3I", 40, 2, 2, 1, 16, 3, len(pixels), 0, 0, 0, 0, 0xF800, 0x07E0, 0x001F)
    Path("a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 66 + len(pixels), 0, 0, 66) + info + pixels)
    Path("a.ppm").write_bytes(b"P6 2 2 100\n" + bytes(12))
    for name in ("a.bmp", "a.ppm"):
        assert not read_picture(Path(name), (2, 2, 3)).any()


def refused(content, message=""):
    Path("bad.png").write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"^bad\.png cannot be read: .*{message}"):
        read_picture(Path("bad.png"), (5, 7, 3))


def encoded(kind):
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated(folder, kind, share):
    content = encoded(kind)
    refused(content[: int(share * len(content))])


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"\x00" * 1000, b"GIF89a", b"<svg/>", b"PK\x03\x04"])
def test_what_is_no_picture(folder, content):
    refused(content)


def test_what_is_no_picture_is_said_so(folder):
    refused(b"hello", "no picture of a known format")


def test_postscript_is_not_run(folder):
    refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n", "no picture of a known")


@pytest.mark.parametrize("size", [(9000, 9000), (60000, 60000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(folder, size):
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(100))) + png_chunk(b"IEND", b"")
    refused(b"\x89PNG\r\n\x1a\n" + body, "pixels|bomb")


def test_a_part_that_is_larger_than_the_file_takes_no_memory(folder):
    content = encoded("PNG")
    Path("bad.png").write_bytes(content[:33] + b"\xff" * 4 + content[37:])  # Pillow would take 4 GB for it
    tracemalloc.start()
    with suppress(FileFormatError):
        read_picture(Path("bad.png"), (64, 64, 3))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_the_limit_is_ours(folder, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 34)
    with pytest.raises(FileFormatError, match="it must have at most 34 pixels, got 7 x 5"):
        read_picture(saved("a.png", COLOURS), (5, 7, 3))
    monkeypatch.setattr(pictures, "MAX_PIXELS", 35)
    assert read_picture(Path("a.png"), (5, 7, 3)).shape == (5, 7, 3)


def test_the_limit_of_webp_is_lower(folder, monkeypatch):
    """Its decoder takes twice the memory of the others."""
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100)
    for width in (12, 13):
        assert read_picture(saved("a.png", np.zeros((5, width, 3), np.uint8)), (5, width, 3)).shape[1] == width
    assert read_picture(saved("a.webp", np.zeros((5, 12, 3), np.uint8)), (5, 12, 3)).shape == (5, 12, 3)
    with pytest.raises(FileFormatError, match="it must have at most 60 pixels, got 13 x 5"):
        read_picture(saved("a.webp", np.zeros((5, 13, 3), np.uint8)), (5, 13, 3))


def test_the_limits():
    """Those whose memory tests/RELIABILITY.md has."""
    assert (pictures.MAX_PIXELS, pictures.SHARES) == (50_000_000, {"WEBP": 0.6})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP"])
def test_damage_is_read_or_refused_and_nothing_else(folder, kind):
    """300 files with up to 8 bytes changed: pixels or FileFormatError, no other error and no warning."""
    content = np.frombuffer(encoded(kind), np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(300):
        damaged = content.copy()
        places = rng.integers(0, min(len(damaged), rng.choice([60, len(damaged)])), rng.integers(1, 9))
        damaged[places] = rng.integers(0, 256, len(places))
        Path("bad").write_bytes(damaged.tobytes())
        with suppress(FileFormatError):
            assert read_picture(Path("bad"), (8, 8, 3)).shape == (8, 8, 3)


def test_it_changes_nothing_in_pillow(folder):
    before = Image.MAX_IMAGE_PIXELS
    read_picture(saved("a.png", COLOURS), (5, 7, 3))
    assert before == Image.MAX_IMAGE_PIXELS
