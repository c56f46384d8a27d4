"""Evaluating groundedness: is a response supported by its context, and how well does a judge find those that are not?

Unsupported is the positive class. What cannot be judged is left out of every measure and counted beside it. Open
first: `run.py` (a run from labelled responses to a report), then

- `totals.py`  the measures of the whole run
- `page.py`    the report: the shortcuts a judge must beat, how well it is calibrated, its worst calls

How a response becomes a row is in `judges/responses.py`. May import the rooms of `evaluate`; never `compose` or a
command.
"""
