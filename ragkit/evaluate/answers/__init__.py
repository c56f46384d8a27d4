"""Evaluating answers: what a system said to each question, what it is worth, and whether it knew when to keep quiet.

Open first: `run.py` (a run from questions to a report), then

- `said.py`      what a system said: asked of a collection, or read from a file of predictions
- `scoring.py`   the measures of one row; citations are judged for all rows together
- `contexts.py`  what the retrieved passages are worth
- `totals.py`    the measures of the whole run: no-answer metrics, risk and coverage, calibration
- `page.py`      the report

May import `ragkit.answer` and the rooms of `evaluate`; never `compose` or a command.
"""
