"""What every room that speaks with chat models must know of messages: their tokens, their plain form, their rounds.

- `tokens.py`  how many tokens a prompt takes, counted without a network (`counter_for`, `vocabularies.py`, `bpe.py`)
- `counters.py`  the counter that fits a chat model, whoever made it; `bound.py` finds the models in a chain
- `plain.py`  messages as JSON and back, so that reading a file can run nothing
- `rounds.py`  what must stay together: a tool call and its results

May import: langchain-core; no room but those below it.
"""
