"""From a question and hits to an answer whose quotes are really there.

Open `extractive.py` first: it picks, orders and cites the sentences that answer, or abstains. `question.py` reads what
a question asks for, `evidence.py` scores each sentence, `reasons.py` lists why an answer may be withheld, `rag.py`
joins retrieval and answering. May import `retrieve`, `ingest` and what lies below them; never `compose` or a command.
"""
