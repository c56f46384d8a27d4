"""Files become documents, documents become chunks, chunks go into a collection: `sync` is the whole road.

Open `sync.py` first; it reads as the list of steps. `walk.py` finds files, `loaders/formats.py` holds the one table of
suffixes, `cut.py` makes chunks that the model can read whole. May import `text`, `encoder`, `store` and what lies
below; parsers of file formats (trafilatura, pypdfium2, yaml) are imported in their one loader only.
"""
