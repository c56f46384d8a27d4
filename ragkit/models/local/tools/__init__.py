"""Tool calls of local models: how each family writes them, reading them back, and grammars that keep them valid.

Start at `families.py` (what a call looks like). `calls.py` reads calls out of a reply, whole or as it streams;
`schema.py` turns what a caller binds into JSON schemas; `grammar.py` builds constraints on llguidance, which
`budget.py` makes end within the tokens that are left. May import: langchain-core for its message types, llguidance.
"""
