"""Queries to hits: dense, BM25 and hybrid search over a collection, and the same as LangChain retrievers.

Open `search.py` first: one function answers a batch of queries. `options.py` holds its knobs, `hybrid.py` joins the two
arms, `spread.py` diversifies. `retrievers.py` is the LangChain rim and the only module here that imports it. May import
`store`, `encoder`, `rank` and what lies below them; never `ingest`, never an engine.
"""
