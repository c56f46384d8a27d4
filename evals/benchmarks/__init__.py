"""Speed beside the systems people have today: `python -m evals.benchmarks` runs everything, each ratio in one run.

| name, as in `--only` | file | question |
|---|---|---|
| `ingest` | `ingest.py` | how fast passages become an index on the disk, and how fast that is open again |
| `search` | `search.py` | how fast a hybrid query is at 130,000 chunks, and how much of the exact hits it finds |
| `filter` | `filters.py` | what a filter that 1 % pass leaves of the hits |
| `delete` | `changes.py` | what a single delete and a single add cost |
| `open` | `opening.py` | how long a new process needs to its first hit |
| `resync` | `resync.py` | what it costs to find out that nothing has changed |
| `growth` | `growth.py` | ragkit alone at 10,000, 130,000 and 1,000,000 rows |

Open `search.py` for the shape of one. `setup.py` holds the sizes, `process.py` runs each side in fresh processes in
turn, `sides/` is what those processes do, `report.py` the one place that makes tables. `peer.py` installs the peers,
`passages.py` and `wikipedia.py` give the text. Three more run by themselves: `index_kinds.py`, which kind of vector
index at which size, `heartbeat.py`, how long searches hold up an event loop, and `memory.py`, what a long conversation
costs.
"""
