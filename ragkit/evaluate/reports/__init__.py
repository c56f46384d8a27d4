"""A run as something to read: one page of HTML, text in the terminal, Markdown.

Open `content.py` first: a `Report` is plain values. `page.py` makes the HTML (a template and inline drawings of
`drawing.py`), `terminal.py` prints with rich, `markdown.py` gives text. For all three, `tables.py` sets out every part
as a table and `writing.py` says how a number and foreign text are written. matplotlib and jinja2 (extra `eval`) are
loaded by `drawing.py` and `page.py` only.
"""
