"""Check every link within a built guide, anchors included: ``python docs/check_links.py docs/_build/html``.

Sphinx checks the references that it resolves itself; this reads what came out, whoever made it.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.anchors.add(value)
            if value and name in ("href", "src"):
                self.links.append(value)


def broken_links(folder: Path) -> list[str]:
    """Return "page: link" for each link to a file or an anchor that is not there."""
    found = [path.resolve() for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]  # the theme's
    pages = {path: Page(path) for path in found}
    return [
        f"{path.relative_to(folder.resolve())}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not _leads_somewhere(link, path, pages)
    ]


def _leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # another site, or data in the link itself
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors


def main(folder: str) -> int:
    """Print what is broken, and return 1 if anything is."""
    broken = broken_links(Path(folder))
    print(*broken, f"{len(broken)} broken links", sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
