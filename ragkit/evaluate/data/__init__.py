"""Loaders of test collections and labelled sets: streaming, every bad line named by file and number.

Open first: `retrieval.py` (queries, judgments and passages of a folder), then what reads your file:

- `lines.py`, `records.py`  numbered lines of plain or compressed files; rows whose fields are asked for by kind
- `collection.py`           a passage, a split of a test collection: the values of `retrieval.py`
- `trec.py`                 judgments, topics and runs in the forms of TREC, BEIR and MS MARCO
- `beir.py`, `msmarco.py`   two folder layouts; `encoding.py`, `msmarco_files.py`: a trap and the official files
- `msmarco_qa.py` (`columns.py`), `squad.py`, `answers.py`  questions with reference answers
- `groundedness.py` (`supported.py`, `halueval.py`, `factscore.py`)  responses labelled as supported or not
- `dialogue.py`, `mtrag.py`                      conversations; what people said of answers in them
- `labelled.py`                                  classes, entities, translations
- `recognise.py`, `summary.py`                   which of these a path holds, and how much

A reader returns an iterator and holds one row at a time unless it says otherwise. All text is UTF-8; a byte order mark
is dropped and a line may end in LF or CRLF. Ids are text, also where they look like numbers.
"""
