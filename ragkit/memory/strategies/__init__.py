"""What a memory shows: everything, the newest turns, a budget's worth, summaries, what is like the question.

- `buffer.py`, `window.py`, `tokens.py`  all of it; so many turns; so many tokens (`recent.py` reads for them)
- `summary.py`   a summary in place of what was said, alone or before the newest turns
- `recall.py`    old turns that are like the question, beside the newest ones
- `combined.py`  several of these as one

May import: what `ragkit.memory` may, and nothing of this folder but `recent.py`.
"""
