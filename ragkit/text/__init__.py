"""Text as characters: cleaned, cut into sentences, blocks and chunks, analysed into terms, its tokens estimated.

Open `chunk.py` first: it stands on `blocks.py` (Markdown and plain structure) and `sentences.py` (its prose rules are
in `prose.py`, their word lists in `abbreviations.py`), all of which give exact slices (`spans.py`). `clean.py` comes
before them, once per document; `analyse.py` makes the terms of BM25 (stop words in `stopwords.py`); `tokens.py`
estimates where no tokenizer is at hand.

Pure: functions over `str`. May import the standard library, snowballstemmer and `ragkit.errors`, nothing else.
"""
