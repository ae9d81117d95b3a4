"""Bytes and text out of raw files: encodings, gzip and zip archives, with their paths and sizes checked."""

from __future__ import annotations

import codecs
import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from balanza.errors import SourceError

FETCH_AGAIN = "Delete the file and fetch it again"
# "Ã±" and "Â¿" are what the two bytes of a UTF-8 letter look like once read as cp1252: no Spanish text holds them.
_SPOILT = re.compile("Ã[\u0080-\u00bf\u2018-\u2026\u20ac\u0152-\u0178\u02c6\u02dc]|Â[\u00a0-\u00bf]|\ufffd")
_BLOCK = 1 << 24


def read_text(path: Path, *encodings: str) -> str:
    """Read a text file, unpacked if its name ends in .gz, in whichever of the promised encodings it is.

    Parameters
    ----------
    path : Path
        The file.
    encodings : str
        ``"utf-8"`` (with or without a byte-order mark), ``"cp1252"``, or both where a source comes in either.

    Raises
    ------
    SourceError
        If the file is in another encoding (cp1252 bytes where UTF-8 is promised, or the reverse), holds letters spoilt
        in an earlier conversion, or is a gzip file cut short.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"not a whole gzip file ({error})", where=path.name, cure=FETCH_AGAIN) from error
    return decode(raw, *encodings, where=path.name)


def decode(raw: bytes, *encodings: str, where: str) -> str:
    """Decode bytes as `read_text` does, for example those of a zip member."""
    try:
        return raw.decode(encoding_of([raw], *encodings, where=where))
    except UnicodeDecodeError as error:
        raise SourceError(f"is neither UTF-8 nor cp1252 ({error})", where=where, cure=FETCH_AGAIN) from error


def encoding_of(blocks: Iterable[bytes], *encodings: str, where: str) -> str:
    """Which of the promised encodings some bytes are in; plain ASCII fits all, and UTF-8 is never taken for cp1252.

    Parameters
    ----------
    blocks : iterable of bytes
        The bytes, in pieces of any size.
    encodings : str
        As in `read_text`.
    where : str
        The name of the file.

    Returns
    -------
    str
        ``"utf-8-sig"`` or ``"cp1252"``, ready for `bytes.decode`.

    Raises
    ------
    SourceError
        As in `read_text`.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    ascii_only = True
    for block in _with_end(blocks):
        ascii_only = ascii_only and block.isascii()
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            if "cp1252" in encodings:
                return "cp1252"
            found = f"byte {error.object[error.start]:#04x}"
            raise _wrong_encoding("UTF-8", "cp1252 (latin-1)", found, where) from error
        if spoilt := _SPOILT.search(text):
            around = text[max(0, spoilt.start() - 12) : spoilt.end() + 8]
            cure = "Get the file as its agency published it"
            raise SourceError(f"letters were spoilt by an earlier conversion: {around!r}", where=where, cure=cure)
    if not ascii_only and "utf-8" not in encodings:
        raise _wrong_encoding("cp1252", "UTF-8", "its letters are two bytes long", where)
    return "utf-8-sig"


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from (block for block in blocks if block)
    yield b""


def _wrong_encoding(promised: str, likely: str, found: str, where: str) -> SourceError:
    return SourceError(
        f"is not in {promised}, as its layout promises, but looks like {likely}: {found}",
        where=where,
        cure=f"Get the original file, or convert this one from {likely} to {promised}",
    )


def file_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks, for `encoding_of` on a file too large to hold twice."""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def read_zip_members(path: Path, pattern: str, *, max_bytes: int = 1 << 30) -> dict[str, bytes]:
    """All members of a zip whose path matches, in memory; nothing is unpacked to disk.

    Parameters
    ----------
    path : Path
        The zip file.
    pattern : str
        Shell pattern of member paths in lower case, such as ``"*.csv"``.
    max_bytes : int
        The most that the matching members may hold together once unpacked.

    Raises
    ------
    SourceError
        If the zip is cut short or damaged, a member's path leads outside, the members are larger than allowed, or none
        matches.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if fnmatch(item.filename.lower(), pattern)]
            _check_members(members, pattern, max_bytes, path.name)
            return {item.filename: archive.read(item) for item in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceError(f"not a whole zip file ({error})", where=path.name, cure=FETCH_AGAIN) from error


def _check_members(members: list[zipfile.ZipInfo], pattern: str, max_bytes: int, where: str) -> None:
    cure = "Get the zip from its official address"
    if not members:
        raise SourceError(f"has no member {pattern}", where=where, cure=cure)
    for item in members:
        member = PurePosixPath(item.filename.replace("\\", "/"))
        if member.is_absolute() or ".." in member.parts or ":" in item.filename:
            raise SourceError(f"member {item.filename!r} leads outside the archive", where=where, cure=cure)
    if (size := sum(item.file_size for item in members)) > max_bytes:
        problem = f"members {pattern} unpack to {size:,} bytes, more than the {max_bytes:,} allowed"
        raise SourceError(problem, where=where, cure=cure)


def read_zip_member(path: Path, suffix: str, *, max_bytes: int = 1 << 30) -> bytes:
    """The largest member of a zip with that suffix, which is the data in SESNSP's archives; see `read_zip_members`."""
    members = read_zip_members(path, f"*{suffix.lower()}", max_bytes=max_bytes)
    return max(members.values(), key=len)
