"""What an `OpenAIChatModel` is made of: its options, its clients, its count of tokens. No call is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool
from langchain_openai import ChatOpenAI
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, model_validator

from ragkit.errors import ConfigError, InputError
from ragkit.messages.tokens import TokenCounter, counter_for
from ragkit.models.openai.options import check_choices, check_names, policy_of, sentence, timeouts_of
from ragkit.remote.openai_client import OPENAI_URL, OpenAIServer, clients
from ragkit.remote.policy import RetryPolicy

__all__ = ["ConfiguredChatModel"]


class ConfiguredChatModel(ChatOpenAI):
    """LangChain's model with its options checked, its clients made by `ragkit.remote`, and nothing read elsewhere."""

    model_config = ConfigDict(populate_by_name=True, hide_input_in_errors=True)

    model_name: str = Field(alias="model")
    """Its name at the server."""
    openai_api_key: SecretStr | None = Field(default=None, alias="api_key")
    """None for a local server that needs none."""
    openai_api_base: str | None = Field(default=None, alias="base_url")
    """Address of the server up to `/v1`; None for OpenAI itself."""
    openai_organization: str | None = Field(default=None, alias="organization", repr=False)
    openai_project: str | None = Field(default=None, alias="project", repr=False)
    openai_proxy: str | None = Field(default=None, alias="proxy", repr=False, exclude=True)
    """Address of a proxy."""
    ca_file: Path | None = None
    """Authorities to trust, in PEM; None for the usual ones."""
    request_timeout: float | tuple[float, float] | None = Field(default=None, alias="timeout")
    """Longest wait for the server, in seconds: of one attempt, or for the next chunk; None for 120. A pair gives the
    longest time to connect (else 10) before it."""
    policy: RetryPolicy = RetryPolicy(deadline_s=600.0)
    """How often and how patiently to try; `max_retries` and `deadline_s` change it."""
    max_retries: int | None = None
    """Attempts after the first; None for the policy's."""
    deadline_s: float | None = None
    """Longest time for a whole call or stream, in seconds; where it is not given, the policy's."""
    stream_usage: bool | None = True
    """Whether to ask for usage while streaming. A server that refuses is asked again without."""
    max_reply_bytes: int = 128 << 20
    """Most bytes of one reply that are read."""
    vocabulary_folder: Path | None = None
    """Where tiktoken's vocabulary files lie, for exact counts; None for estimates, rather too high than too low."""
    default_headers: Mapping[str, str] | None = Field(default=None, repr=False, exclude=True)
    """Further headers of every request; they may hold keys and are not shown."""
    default_query: Mapping[str, object] | None = Field(default=None, repr=False, exclude=True)
    """Further query parameters of every request; they may hold keys and are not shown."""
    output_version: str | None = None
    stream_chunk_timeout: float | None = Field(default=None, exclude=True)

    _policy: RetryPolicy = PrivateAttr()
    _counter: TokenCounter = PrivateAttr()

    def __init__(self, **options: Any) -> None:
        """Check the options; nothing is sent yet."""
        check_names(type(self), options)
        try:
            super().__init__(**options)
        except ValidationError as error:
            failure = ConfigError(sentence(error))
        else:
            return
        raise failure

    @model_validator(mode="after")
    def validate_environment(self) -> Self:
        """Make the clients. Takes the place of LangChain's, which reads the environment."""
        check_choices(self.n, streaming=self.streaming)
        connect_s, wait_s = timeouts_of(self.request_timeout)
        self.openai_api_base = self.openai_api_base or OPENAI_URL
        server = OpenAIServer(
            base_url=self.openai_api_base,
            api_key=self._key or None,
            organization=self.openai_organization,
            project=self.openai_project,
            timeout_s=wait_s,
            connect_timeout_s=connect_s,
            headers=self.default_headers or {},
            query=self.default_query or {},
            proxy=self.openai_proxy,
            ca_file=self.ca_file,
            max_reply_bytes=self.max_reply_bytes,
        )
        self._policy = policy_of(self.policy, self.max_retries, self.deadline_s, self.model_fields_set)
        self._counter = counter_for(self.model_name, folder=self.vocabulary_folder)
        self.root_client, self.root_async_client = clients(server)
        self.client = self.root_client.chat.completions
        self.async_client = self.root_async_client.chat.completions
        return self

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say no: an address and options from a file would decide where a key is sent."""
        return False

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Name no variable of the environment, for none is read."""
        return {}

    @property
    def _key(self) -> str:
        return self.openai_api_key.get_secret_value() if self.openai_api_key is not None else ""

    def _secrets_of(self, kwargs: Mapping[str, Any]) -> list[str]:
        """What may be a key in a call, besides the key: servers are also told it in headers, and in the query."""
        given = [self.default_headers, self.default_query]
        given += [
            options.get(name) for options in (self.model_kwargs, kwargs) for name in ("extra_headers", "extra_query")
        ]
        values = [value for fields in given if isinstance(fields, Mapping) for value in fields.values()]
        return [self._key, *(value for value in values if isinstance(value, str))]

    @property
    def _uses_gateway(self) -> bool:
        return False

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # A cache must not take one server's answer for another's.
        own = {"base_url": self.openai_api_base, "use_responses_api": self.use_responses_api}
        return {**super()._identifying_params, **own}

    def close(self) -> None:
        """Close the connections of plain calls; the model cannot be called afterwards."""
        self.root_client.close()

    async def aclose(self) -> None:
        """Close all connections; the model cannot be called afterwards."""
        self.root_client.close()
        await self.root_async_client.close()

    @property
    def token_counter(self) -> TokenCounter:
        """Counts without a network: exactly or rather too many, as `vocabulary_folder` says."""
        return self._counter

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text, without a network: exactly or rather too many, as `vocabulary_folder` says."""
        return self._counter.text(text)

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        **_: Any,
    ) -> int:
        """Count the tokens of a prompt and of the tools offered with it, without a network."""
        return self._counter.messages(messages, tools)

    def get_token_ids(self, text: str) -> list[int]:
        """Refuse: ids need the vocabulary that LangChain would download here.

        Raises:
            InputError: Unless `custom_get_token_ids` was given.
        """
        if self.custom_get_token_ids is None:
            raise InputError(
                "token ids need the model's vocabulary: pass custom_get_token_ids=, or use get_num_tokens."
            )
        return self.custom_get_token_ids(text)
