"""The `ragkit` command.

Open `app.py` first: it names every command and turns errors into one sentence and an exit code. One module per command;
`terminal.py` prints. Rooms are imported inside a command, so that `ragkit --help` and `ragkit search` start fast.
"""

from ragkit.cli.app import console, main

__all__ = ["console", "main"]
