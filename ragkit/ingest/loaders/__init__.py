"""One module per file format: bytes in, `LoadedDocument` out, `LoadError` with a reason otherwise.

Open `formats.py` first: the table from suffix to loader. May import `ragkit.ingest.document`, `ragkit.ingest.encoding`,
`text` and `errors`.
"""
