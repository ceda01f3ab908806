"""What draws a document, in the child of `paper.py`: it opens our own static files only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weasyprint import HTML
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


def draw(html: str, static: Path) -> bytes:
    """The PDF of a page of HTML whose addresses start at the static folder."""
    base = static.resolve().as_uri() + "/"
    page = HTML(string=html, base_url=base, url_fetcher=OurFilesOnly(static))
    made: bytes = page.write_pdf()
    return made
