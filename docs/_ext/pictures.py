"""Puts the pictures of the chapters into figures, of which the wide ones can be moved sideways on a telephone."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.images import get_image_size
from sphinx_gallery.directives import imgsgnode

#: Pixels. Shrunk to a telephone's 350, letters of 10 points in a wider picture have less than half of their size;
#: what is lower than STRIP is a row of images, without letters.
WIDE, STRIP = 700, 200


def frame(app: Sphinx, doctree: nodes.document) -> None:
    """Wrap each picture, which sphinx-gallery leaves bare, in a figure."""
    for picture in list(doctree.findall(imgsgnode)):
        width, height = get_image_size(app.srcdir / picture["uri"].lstrip("/"))
        figure = nodes.figure(classes=["wide"] if width > WIDE and height > STRIP else [])
        picture.replace_self(figure)
        figure += picture


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", frame)
    return {"parallel_read_safe": True}
