"""Histories in SQLite: what was said, by whom and when; one file for all users and sessions.

Open first: `histories.py` (all users: found, exported, expired, erased), then `history.py` (one session of it, a
`BaseChatMessageHistory`), then
- `derived.py`   summaries and embeddings of a session, erased with what they were made of
- `words.py`, `exchange.py`, `erasing.py`  finding by words; export and restore; deleting to the last byte
- `file.py`, `schema.py`, `kept.py`, `names.py`  the file itself: its connections, tables, rows as values, names

May import: langchain-core, `ragkit.messages`, `ragkit.disk`, `ragkit.text`; nothing else of `ragkit.memory`.
"""
