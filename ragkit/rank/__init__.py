"""Pure arithmetic over ranked lists: fusing, diversifying, one hit per document.

Open `fusion.py` first: it joins the lists of several retrieval arms. `topk.py` says what a hit is known by and picks
the best chunk of each document; `diversify.py` trades relevance against repetition. Standard library and numpy only;
may import `ragkit.types` and `ragkit.errors`, knows no store, model or framework.
"""
