"""A disk without room, whoever says so."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ragkit.disk.space import full_disk_named, says_full
from ragkit.errors import StoreFullError

_LIMITED = """
import resource, signal, sys, tantivy
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
builder = tantivy.SchemaBuilder()
builder.add_text_field("text")
from ragkit.disk.space import says_full
try:
    index = tantivy.Index(builder.build(), path=sys.argv[1])
    writer = index.writer(15_000_000, 1)
    writer.add_document(tantivy.Document(text=["a"]))
    writer.commit()
except (OSError, ValueError) as error:
    print(says_full(error))
"""


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ValueError("An IO error occurred: 'No space left on device (os error 28)'"), True),
        (ValueError('IoError { io_error: Os { code: 28, kind: StorageFull, message: "No space" } }'), True),
        (ValueError("An IO error occurred: 'Permission denied (os error 13)'"), False),
        (ValueError("there are 28 documents"), False),
        (sqlite3.OperationalError("database is locked"), False),
    ],
)
def test_no_room_is_told_from_other_errors(error: Exception, full: bool) -> None:
    assert says_full(error) is full


def test_sqlite_without_room_is_full() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("PRAGMA max_page_count = 2")
        db.execute("CREATE TABLE a (x)")
        with (
            pytest.raises(StoreFullError, match=r"^a cannot be written: the disk is full, .*free some space and try"),
            full_disk_named(Path("a")),
        ):
            db.execute("INSERT INTO a VALUES (zeroblob(100000))")


def test_tantivy_without_room_is_full(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"


def test_other_errors_pass() -> None:
    with pytest.raises(FileNotFoundError), full_disk_named(Path("a")):
        Path("/missing/file").stat()
