"""A collection as LangChain sees it: a vector store, a record manager and a key-value store on one folder.

Open `vector_store.py` first (`searches.py` is its searching half). `record_manager.py` and `document_store.py` are what
`langchain_core.indexing` and parent-document retrieval ask for; `documents.py` says which LangChain `Document` a hit
becomes, `calls.py` what a search may be told. May import `retrieve`, `store`, `rank`, `encoder` and what lies below
them; never `embed`, never an engine.
"""
