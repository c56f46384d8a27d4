from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.loaders.plain import load_plain

Source = Callable[..., SourceFile]


def test_text_is_cleaned_and_named(source: Source) -> None:
    assert load_plain(source("a/b.txt"), b"\xef\xbb\xbfone\r\ntwo") == LoadedDocument(
        doc_id="a/b.txt", text="one\ntwo", source="a/b.txt"
    )


@pytest.mark.parametrize("data", [b"", b" \n\t"])
def test_a_file_without_text_is_refused(source: Source, data: bytes) -> None:
    with pytest.raises(LoadError, match=r"a\.txt: the file holds no text"):
        load_plain(source("a.txt"), data)
