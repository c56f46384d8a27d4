"""A local chat model beside raw `generate` and LangChain's own wrappers: `python -m evals.benchmarks.generation`.

| part | question |
|---|---|
| `overhead` | what one reply costs over `model.generate` of the same tokens |
| `first-token` | how soon turn 10 of a conversation begins, with about 1,500 tokens before it |
| `callers` | how many tokens a second eight callers get who ask at once |
| `memory` | what the kept prefixes hold when far more was said than may be kept |

Open `parts.py` for the measurements. Each side is one process that loads the model once and then waits for its turn
(`session.py` talks to it, `worker.py` is its loop): rounds are interleaved reply by reply, and only one side computes
at a time. `own.py`, `raw.py` and `langchain.py` are the sides, `model.py` builds the random model that all of them
load, `material.py` what is said to it.
"""
