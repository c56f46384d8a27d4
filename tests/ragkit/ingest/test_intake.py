from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragkit.ingest.fingerprint import Fingerprint
from ragkit.ingest.intake import Known, read_known
from ragkit.store.collection import Collection
from ragkit.store.records import NewDocument

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_collection_holds_is_known_by_root_and_fingerprint(tmp_path: Path) -> None:
    none = np.zeros((0, 2), dtype=np.float32)
    print_ = Fingerprint("c", "f", "a.md")
    with Collection.open(tmp_path / "store", dim=2) as collection:
        collection.put(NewDocument(doc_id="a.md", text="t", root="/docs", content_hash=print_.encode()), none)
        collection.put(NewDocument(doc_id="hand", text="t", content_hash="anything"), none)
        assert read_known(collection) == {
            "a.md": Known("/docs", print_),
            "hand": Known("", Fingerprint("", "", "")),
        }


def test_no_collection_holds_nothing() -> None:
    assert read_known(None) == {}
