"""Documents that are zip files: every member is read within bounds, whatever the archive says of itself."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from ragkit.errors import LoadError

if TYPE_CHECKING:
    from ragkit.ingest.document import SourceFile

__all__ = ["Archive"]

_MAX_MEMBERS = 20_000
_MAX_BYTES = 256 * 1024 * 1024
_MAX_MEMBER_BYTES = 64 * 1024 * 1024
_MAX_RATIO = 200  # deflate reaches 1,000 on zeros; text, mark-up included, stays below 50
_FREE_BYTES = 1024 * 1024
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class Archive:
    """The members of a zip file in memory, unpacked one by one when asked for.

    Raises:
        LoadError: If it is no zip file, or has more than 20,000 members.
    """

    def __init__(self, file: SourceFile, data: bytes, *, kind: str) -> None:
        self._source = file.source
        self._kind = kind
        if data.startswith(_OLE_MARK):
            raise LoadError(file.source, f"is protected by a password, or older than {kind}: save it as {kind} without")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._sizes = {info.filename: info for info in self._zip.infolist()}
        except (*_BROKEN, zipfile.LargeZipFile, LookupError) as error:
            raise LoadError(file.source, f"is no {kind} file, or is damaged") from error
        if len(self._sizes) > _MAX_MEMBERS:
            raise LoadError(file.source, f"holds {len(self._sizes)} members; at most {_MAX_MEMBERS} are read")
        self._unpacked = 0

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def read(self, name: str) -> bytes:
        """Unpack one member.

        Raises:
            LoadError: If there is none of that name, it is encrypted or damaged, it alone is larger than 64 MiB, all
                that was read is larger than 256 MiB, or it is packed tighter than any text can be.
        """
        info = self._sizes.get(name)
        if info is None:
            raise LoadError(self._source, f"is no {self._kind} file, or is damaged: it lacks {name[:80]!r}")
        if info.flag_bits & 0x1:
            raise LoadError(self._source, f"is protected by a password: save it as {self._kind} without")
        room = min(_MAX_MEMBER_BYTES, _MAX_BYTES - self._unpacked, max(_FREE_BYTES, info.compress_size * _MAX_RATIO))
        try:
            with self._zip.open(info) as stream:
                data = stream.read(room + 1)
        except _BROKEN as error:
            raise LoadError(self._source, f"is damaged: {name[:80]!r} cannot be unpacked") from error
        if len(data) > room:
            raise LoadError(self._source, f"unpacks to more than any {self._kind} file of its size should: not read")
        self._unpacked += len(data)
        return data
