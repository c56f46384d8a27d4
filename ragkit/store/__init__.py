"""The collection: one folder that holds documents, their vectors and their word index.

Open `collection.py` first; it is a thin front. `catalog.py` is the record of truth (SQLite), `vectors.py` the file of
rows, `dense.py` and `bm25.py` the derived indexes, `where.py` the filter language, `manifest.py` what the folder says
of itself, `records.py` the values that go in and out. May import `disk`, `text`, `encoder`, `types`, `errors`; FAISS
and tantivy are imported in this room only, on first use.
"""
