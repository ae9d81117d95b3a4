"""Download one file over https with pooch: retried, resumed where it stopped, bounded, from known hosts only.

pooch keeps the cache, checks digests, retries with growing pauses and streams through requests. What it lacks is
added here: going on with part of a file (Range requests, RFC 9110, section 14), a limit on what is read, and a look at
each redirect before it is followed.
"""

from __future__ import annotations

import fcntl
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from balanza.errors import SourceError

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

RETRIES = 4
"""Further attempts after the first, 1, 2, 3 and 4 seconds after the one before (pooch's pauses)."""

_BLOCK = 1 << 16
_LATER = (408, 425, 429)
_WHERE_TO_TURN = (
    "Check that the address still serves the file; a file got by other means may be put into a mirror folder"
)


def download(
    url: str,
    path: Path,
    *,
    size: int,
    sha256: str | None,
    hosts: frozenset[str],
    progress: bool,
    check: Callable[[Path], None],
) -> Path:
    """Download a file, or finish a download that broke off.

    Parameters
    ----------
    url : str
        An https address on one of `hosts`.
    path : Path
        Where the whole and checked file goes; ``<path>.part`` holds what has come so far, and outlives a kill.
    size : int
        The pinned size, or without a digest the most that may come. At most one byte more is kept.
    sha256 : str or None
        The pinned digest. Without one nothing is resumed, since halves of two versions would not be told apart.
    hosts : frozenset of str
        Hosts that the address and redirects may name.
    progress : bool
        Show a progress bar on standard error.
    check : callable
        Gets the path of what came, before it gets its name; raises SourceError if it is not what was asked for.

    Raises
    ------
    SourceError
        If the address, a redirect or the content is refused, or the server cannot be reached; says what is kept.
    """
    import pooch
    import requests

    downloader = _Resuming(path, size, sha256 is not None, hosts, progress, check)
    agent = pooch.create(path.parent, "", registry={path.name: sha256}, urls={path.name: url}, retry_if_failed=RETRIES)
    try:
        with _locked(path.parent):
            return Path(agent.fetch(path.name, downloader=downloader))
    except requests.RequestException as error:
        came = downloader.part.stat().st_size if sha256 and downloader.part.exists() else 0
        kept = f" ({came:,} of {size:,} bytes are kept)" if came else ""
        raise SourceError(
            f"could not be downloaded from {url}: {_reason(error)}{kept}",
            where=path.name,
            cure="Check the network and run again: the download goes on where it stopped",
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time in a folder; the lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class _TooLong(Exception):
    """More has come than was pinned."""


@dataclass(frozen=True)
class _Bounded:
    """A stream that takes at most `limit` bytes."""

    stream: IO[bytes]
    limit: int

    def write(self, block: bytes) -> None:
        room = self.limit - self.stream.tell()
        self.stream.write(block[:room])
        if len(block) > room:
            raise _TooLong

    def flush(self) -> None:
        self.stream.flush()


@dataclass(frozen=True)
class _Resuming:
    """A downloader for pooch that appends to ``<path>.part``."""

    path: Path
    size: int
    resume: bool
    hosts: frozenset[str]
    progress: bool
    check: Callable[[Path], None]

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        self._allow(url)
        with self.part.open("ab") as stream:
            if not self.resume:
                stream.truncate(0)
            if stream.tell() < self.size:
                with suppress(_TooLong):
                    self._append(url, stream)
        self.check(self.part)
        self.part.replace(output_file)

    def _append(self, url: str, stream: IO[bytes]) -> None:
        from pooch import HTTPDownloader

        headers = {"Accept-Encoding": "identity"}
        if start := stream.tell():
            headers["Range"] = f"bytes={start}-"

        def on_answer(response: requests.Response, **_: Any) -> None:
            self._take_answer(response, stream, start)

        with self._bar(self.size - start) as bar:
            get = HTTPDownloader(bar, _BLOCK, timeout=TIMEOUT, headers=headers, hooks={"response": on_answer})
            get(url, _Bounded(stream, self.size + 1), None)

    def _bar(self, size: int) -> AbstractContextManager[Any]:
        from tqdm import tqdm

        if not self.progress:
            return nullcontext(False)
        pause = 0.1 if sys.stderr.isatty() else 2.0
        return tqdm(desc=self.path.name, total=size, unit="B", unit_scale=True, mininterval=pause)

    def _take_answer(self, response: requests.Response, stream: IO[bytes], start: int) -> None:
        """Judge an answer by its head, before its body is read or its redirect followed."""
        from requests.exceptions import ContentDecodingError

        status = response.status_code
        if response.is_redirect:
            self._allow(urljoin(response.url, response.headers["location"]))
        elif status == 206 and start and self._goes_on(response, start):
            return
        elif status < 400 or status == 416:
            stream.truncate(0)
            if status == 206:
                raise ContentDecodingError("the server sent another part of the file than was asked for")
        elif status < 500 and status not in _LATER:
            raise SourceError(
                f"{response.url} answered {status} {response.reason}", where=self.path.name, cure=_WHERE_TO_TURN
            )

    def _goes_on(self, response: requests.Response, start: int) -> bool:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", ""))
        whole = found is not None and found[3] in ("*", str(self.size))
        return found is not None and whole and int(found[1]) == start and "content-encoding" not in response.headers

    def _allow(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise SourceError(
                f"the address leads to {url}, which is not https", where=self.path.name, cure=_WHERE_TO_TURN
            )
        if parts.hostname not in self.hosts:
            raise SourceError(
                f"the address leads to {url}, whose host is none of the catalogue's ({', '.join(sorted(self.hosts))})",
                where=self.path.name,
                cure=_WHERE_TO_TURN,
            )


def _reason(error: requests.RequestException) -> str:
    """A network error in few words."""
    import requests

    text = str(getattr(error.args[0] if error.args else error, "reason", error))
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return f"the server stalled for {TIMEOUT[1]:g} seconds"
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted ({text})"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return f"the connection failed or broke off ({text})"
    return text
