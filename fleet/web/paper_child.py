"""What draws a document, in the child of `paper.py`: it opens our own static files only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weasyprint import HTML
from weasyprint.document import Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse


class ForeignAddress(ValueError):
    """A document asks for something that is not one of our own static files."""


class OurFilesOnly(URLFetcher):
    """A fetcher that opens files below one folder and nothing else.

    The default one embeds any local file through an attachment link, and calls other hosts.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(allowed_protocols=("file",), allow_redirects=False)
        self.folder = folder.resolve()

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        """Open a file of the folder; ForeignAddress for any other address."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise ForeignAddress(url)
        path = Path(url2pathname(parts.path)).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise ForeignAddress(url)
        return super().fetch(path.as_uri(), headers)


class Binder:
    """Pages of HTML laid out one after the other and written as one PDF, each font once."""

    def __init__(self, static: Path) -> None:
        self.base = static.resolve().as_uri() + "/"
        self.fetcher = OurFilesOnly(static)
        self.fonts = FontConfiguration()
        self.laid_out: list[Document] = []

    def add(self, html: str) -> None:
        """Lay out a page of HTML whose addresses start at the static folder."""
        page = HTML(string=html, base_url=self.base, url_fetcher=self.fetcher)
        self.laid_out.append(page.render(font_config=self.fonts))

    def pdf(self) -> bytes:
        """All of them, under the title of the first."""
        pages = [page for document in self.laid_out for page in document.pages]
        made: bytes = self.laid_out[0].copy(pages).write_pdf()
        return made


def draw(html: str, static: Path) -> bytes:
    """The PDF of a page of HTML whose addresses start at the static folder."""
    binder = Binder(static)
    binder.add(html)
    return binder.pdf()
