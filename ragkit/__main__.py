"""`python -m ragkit` is the `ragkit` command."""

from ragkit.cli import console

if __name__ == "__main__":
    console()
