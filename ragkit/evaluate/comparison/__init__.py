"""What `compare.py` and `baseline.py` are made of. Open first: `verdicts.py`, what a comparison comes to.

- `measured.py`    what is compared: a run's folder, a baseline file, or rows
- `directions.py`  which way a measure is better
- `per_row.py`     measures of a part of the rows, read from what each row carries
- `whole_run.py`   measures that no single row has, computed again from the rows
- `text.py`        a comparison for the terminal; `page.py` for the HTML page
"""
