"""Files that survive a crash: SQLite in WAL mode, a writer lock, atomic replace, checksums.

Open `files.py` first. This room knows nothing of documents or vectors; it may import `ragkit.errors` only.
"""
