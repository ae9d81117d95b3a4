"""Bring pinned files to where the readers look: from a mirror folder, the cache, or their address.

A file gets its name only once its size and sha256 are those of the catalogue. What is not the pinned file is refused,
set aside if it was downloaded, and never used.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from balanza.acquire.catalogue import Source
from balanza.errors import ConfigError, SourceError
from balanza.provenance import file_digest, replacing

CACHE = Path("data/cache")


def cached(source: Source, cache: Path) -> Path:
    """Where the cache keeps a file: under its digest, so that versions lie side by side."""
    return cache / source.sha256 / source.file


def is_pinned(path: Path, source: Source) -> bool:
    """Whether a file is there and is the one that the catalogue pins, by size and sha256."""
    return path.is_file() and path.stat().st_size == source.bytes and file_digest(path) == source.sha256


def fetch(
    source: Source,
    target: Path,
    *,
    mirror: Path | None,
    offline: bool,
    cache: Path,
    hosts: frozenset[str],
    progress: bool,
) -> str:
    """Put one pinned file in its place.

    Parameters
    ----------
    source : Source
        A row of the catalogue.
    target : Path
        Where the file goes; left alone if it is the pinned file already.
    mirror : Path or None
        A folder of files under the names of the catalogue.
    offline : bool
        Never touch the network.
    cache : Path
        Folder of what was downloaded before, and of downloads that broke off.
    hosts : frozenset of str
        Hosts that a download may come from (`catalogue.hosts`).
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    str
        Where it came from: ``"in place"``, ``"mirror"``, ``"cache"`` or ``"address"``.

    Raises
    ------
    SourceError
        If the mirror's file is not the pinned one, or the file is missing offline or cannot be downloaded.
    """
    try:
        return _bring(source, target, mirror, offline, cache, hosts, progress)
    except OSError as error:
        raise SourceError(
            f"cannot be read or written: {error.strerror or error} ({error.filename or target})",
            where=source.file,
            cure="Make room or mend the permissions, and run again: a download goes on where it stopped",
        ) from error


def _bring(
    source: Source,
    target: Path,
    mirror: Path | None,
    offline: bool,
    cache: Path,
    hosts: frozenset[str],
    progress: bool,
) -> str:
    if is_pinned(target, source):
        return "in place"
    kept = cached(source, cache)
    if mirror is not None and is_pinned(mirror / source.file, source):
        return _copy(mirror / source.file, target, source, "mirror")
    if is_pinned(kept, source):
        return _copy(kept, target, source, "cache")
    if mirror is not None:
        _refuse_other(mirror / source.file, source)
    if offline:
        raise _offline_error([source], mirror)
    _download(source, cache, hosts, progress)
    return _copy(kept, target, source, "address")


def missing(sources: Iterable[Source], mirror: Path | None, cache: Path, out: Path | None = None) -> list[Source]:
    """The sources whose pinned file is in neither mirror nor cache (nor `out`), and so needs the network."""
    folders = [folder for folder in (mirror, out) if folder is not None]
    return [
        source
        for source in sources
        if not any(
            is_pinned(path, source) for path in [*(folder / source.file for folder in folders), cached(source, cache)]
        )
    ]


def refuse_missing(sources: Iterable[Source], mirror: Path | None, cache: Path, out: Path | None = None) -> None:
    """Raise one error that lists all files that an offline run lacks, with their addresses.

    Raises
    ------
    SourceError
        If any is missing.
    """
    if lacking := missing(sources, mirror, cache, out):
        raise _offline_error(lacking, mirror)


def check_mirror(mirror: Path | None) -> None:
    """Refuse a mirror that is not a folder.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if mirror is not None and not mirror.is_dir():
        raise ConfigError("the mirror is not a folder", where=str(mirror), cure="Check the path, or leave `mirror` out")


def looks_like_page(path: Path) -> bool:
    """Whether a file begins as a web page does."""
    with path.open("rb") as stream:
        start = stream.read(512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _copy(origin: Path, target: Path, source: Source, name: str) -> str:
    with replacing(target) as temporary:
        shutil.copyfile(origin, temporary)
        _refuse_other(temporary, source)
    return name


def _refuse_other(path: Path, source: Source) -> None:
    """Refuse a file that is there and is not the pinned one."""
    if path.exists() and not is_pinned(path, source):
        raise SourceError(
            f"not the file that the catalogue pins for {source.id}: {_two_identities(path, source)}",
            where=str(path),
            cure="Copy the file to the mirror again, or take it away so that it is downloaded",
        )


def _two_identities(path: Path, source: Source) -> str:
    return (
        f"it has {path.stat().st_size:,} bytes and sha256 {file_digest(path)}, "
        f"the catalogue has {source.bytes:,} bytes and sha256 {source.sha256}"
    )


def _offline_error(sources: list[Source], mirror: Path | None) -> SourceError:
    def line(source: Source) -> str:
        other = mirror is not None and (mirror / source.file).exists()
        note = " (the mirror has another file of that name)" if other else ""
        return f"\n  {source.file}  {source.url}  {source.bytes:,} bytes{note}"

    noun = "file is" if len(sources) == 1 else "files are"
    return SourceError(
        f"offline, and {len(sources)} {noun} in neither mirror nor cache",
        cure="Put into the mirror folder, or run once with `offline: false`:" + "".join(map(line, sources)),
    )


def _download(source: Source, cache: Path, hosts: frozenset[str], progress: bool) -> None:
    from balanza.acquire.download import download

    def check(part: Path) -> None:
        if not is_pinned(part, source):
            raise _set_aside(part, source, cache)

    download(
        source.url,
        cached(source, cache),
        size=source.bytes,
        sha256=source.sha256,
        hosts=hosts,
        progress=progress,
        check=check,
    )


def _set_aside(part: Path, source: Source, cache: Path) -> SourceError:
    """Keep what came instead of the pinned file under a name that nothing reads."""
    aside = cache / f"{source.file}.rejected-{file_digest(part)[:8]}"
    what = "a web page (HTML: a challenge, a sign-in or an error page)" if looks_like_page(part) else "another file"
    if part.stat().st_size > source.bytes:
        what += ", of which no more than one byte beyond the pinned size was read"
    identities = _two_identities(part, source)
    part.replace(aside)
    return SourceError(
        f"{source.url} sent {what}: {identities}; what came is set aside as {aside}",
        where=source.file,
        cure="Run again; if it is the publisher's newer version, see "
        f"`python -m balanza update {source.id}`, else put the pinned file into a mirror folder",
    )
