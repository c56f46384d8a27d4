"""Evaluations of retrieval: a run that exists is scored, or a corpus is indexed and searched.

Open `scored.py` (`ragkit eval run`) or `searched.py` (`ragkit eval retrieval`) first. `judging.py` makes a row of each
query, `corpus.py` says what corpus it is and indexes it, `inflation.py` shows what a small corpus flatters,
`rankings.py` keeps what was found so far in `run.trec`, `findings.py` says in the report what a person should look at.
Measures are in `ragkit.evaluate.measures.retrieval`; re-ranking is in `ragkit.evaluate.rerank`.
"""
