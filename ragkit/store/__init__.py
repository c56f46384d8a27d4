"""The collection: one folder that holds documents, their vectors and their word index.

Open `collection.py` first; it is a thin front. `generation.py` holds what is built and replaced together: `catalog.py`,
the record of truth (SQLite), `vectors.py`, the file of rows, with `blocks.py` that knows if it is sound, and what is
derived: `dense_arm.py` (`dense.py` exact, `quantised.py` approximate) and `words.py` (`bm25.py`). `moment.py` is what a
search sees of both arms, `turns.py` how writers take turns and replace a generation (`compact.py`, `succession.py`),
`folder.py` and `manifest.py` what the folder says of itself, `where.py` the filter language, `records.py` the values
that go in and out. May import `disk`, `text`, `encoder`, `types`, `errors`; FAISS and tantivy are imported in this room
only, on first use.
"""
