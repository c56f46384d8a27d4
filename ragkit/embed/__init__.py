"""Sentence-BERT models: text in, unit vectors out.

Start at `encoder.py` (`SentenceEncoder`, what the other rooms use); `embeddings.py` is the same for LangChain.
`model_files.py` finds a model (package, folder, hub), `layout.py` reads what it is, `engines/` computes.
May import: numpy, tokenizers, `ragkit.remote`; engines import theirs. LangChain is imported in
`embeddings.py` only, torch in `engines/sentence_transformers.py` only: a query never waits for either.
"""
