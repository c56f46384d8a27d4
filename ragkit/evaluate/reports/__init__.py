"""A run as something to read: one page of HTML, text in the terminal, Markdown.

Open `content.py` first: a `Report` is plain values. `page.py` makes the HTML (a template and inline drawings of
`drawing.py`), `terminal.py` prints with rich, `markdown.py` gives text; `numbers.py` says how a number is written
in all three. matplotlib and jinja2 (extra `eval`) are loaded by `drawing.py` and `page.py` only.
"""
