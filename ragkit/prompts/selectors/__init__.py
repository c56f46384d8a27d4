"""Which examples a model is shown for a text: each selector is a small frozen value with `select` and a `card`.

Open first: `selector.py` (the seam), then
- `given.py`       fixed ones, random ones, as many as fit a length
- `similarity.py`  the nearest by cosine, exact
- `marginal.py`    near ones that do not repeat each other (MMR)
- `ngrams.py`      those that share the most words and phrases, without a model
- `stratified.py`  some of every label
- `nearness.py`    the vectors behind them: computed once, compared exactly
- `pool.py`        what all do with the examples they choose from
- `langchain.py`   any of them as LangChain's example selector

Who comes from LangChain, where the nearest example is shown first and here last, beside the question:

    LangChain                                     here
    SemanticSimilarityExampleSelector, k          SimilaritySelector(examples, embeddings, k)
    MaxMarginalRelevanceExampleSelector, fetch_k  MMRSelector(examples, embeddings, k, pool=fetch_k)
    LengthBasedExampleSelector, max_length words  LengthSelector(examples, max_tokens, model)
    NGramOverlapExampleSelector, threshold=0.0    NGramOverlapSelector(examples, count, threshold=0.0)
    example_selector=... of its templates         LangChainExampleSelector(any of these)
    FewShotChatMessagePromptTemplate              FewShot(prompt, selector, parser).as_langchain()

All give the same examples for the same text in every process, break ties by place, and leave out an example whose input
is the very text asked about. May import: numpy, `ragkit.encoder`, `ragkit.rank`, `ragkit.text`, `ragkit.messages`, and
langchain-core for its messages.
"""
