"""Measuring: retrieval, groundedness and answers, with intervals, paired comparisons and runs that resume.

Open first `outcome.py` (a number or the reason there is none; a row; an estimate), then the room you need:

- `chat.py`, `judge.py`  the two seams: a model that answers, and whoever says whether a claim is supported
- `data/`        loaders of test collections, streaming; every bad line is named by file and number
- `measures/`    what a row or a run is worth: pure functions
- `statistics/`  intervals, paired tests, power: pure functions over arrays
- `judges/`      judges: offline detectors, chat models, recordings; how far each agrees with people
- `runs.py`      a run is a folder that resumes row by row; `journal.py` keeps what a model said, never asked twice
- `reports/`     a run as text in the terminal and as one HTML page
- `retrieval/`, `rerank.py`, `answers/`, `groundedness/`, `tasks/`, `robustness/`, `conversation.py`  the evaluations
- `optimise/`    which words and examples make a prompt better, searched under a budget of calls
- `compare.py`, `comparison/`, `baseline.py`  one run beside another, or beside a small file of what it was

May import every room below `compose`. ir_measures, scipy, matplotlib and the like (extra `eval`) are each imported in
the one leaf that needs them.
"""
