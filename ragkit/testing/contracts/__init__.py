"""Suites to subclass: what a store, retriever, chat model or history promises beyond LangChain's standard tests.

    class TestMyStore(VectorStoreContract):
        @pytest.fixture
        def vectorstore(self, tmp_path):
            return MyStore(tmp_path, self.get_embeddings())

Each class stands on one of langchain-tests (store and retriever run its tests too; beside the contract of a chat model,
subclass `ChatModelUnitTests` and `ChatModelIntegrationTests` with the same properties). A promise that cannot be kept
is marked `@pytest.mark.xfail(reason=...)` in the subclass; properties tell what does not apply.
"""
