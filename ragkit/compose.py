"""SPECs and a folder -> a wired `Rag`: the one place where rooms are put together.

Called `compose`, not `open`: a module `ragkit.open` would replace the function `ragkit.open` once imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.answer.rag import Rag
from ragkit.embed.encoder import SentenceEncoder
from ragkit.encoder import Encoder, EncoderCard, as_encoder
from ragkit.errors import ConfigError, shorten
from ragkit.settings import Settings
from ragkit.store.collection import Collection
from ragkit.store.folder import Folder

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ragkit.embed.openai import OpenAIEncoder
    from ragkit.evaluate.judges.langchain import LangChainChat
    from ragkit.models.local.chat import LocalChatModel
    from ragkit.models.openai.chat import OpenAIChatModel
    from ragkit.prompts.prompt import Prompt
    from ragkit.remote.openai_client import OpenAIServer

__all__ = ["chat_model", "check_answerer", "encoder_for", "evaluated_model", "open"]

_OPENAI = "openai:"
_CHAT_FORMS = "expected local:<hub id or folder> or openai:<model>"


def open(  # noqa: A001 - ragkit.open reads as it should
    folder: str | Path,
    *,
    embeddings: Any = None,
    create: bool = True,
    read_only: bool = False,
    model: str = "extractive",
    settings: Settings | None = None,
) -> Rag:
    """Open the collection in `folder` with its embedding model, ready to sync, search and ask.

    Args:
        folder: The collection's folder; made when missing, unless `create` is False.
        embeddings: A SPEC (`"local:<hub id or folder>"`, `"openai:<model>"`, `"openai:<model>@<dimensions>"` for
            shortened vectors), any LangChain `Embeddings`, or None for the model the collection was built with; a new
            collection gets the packaged all-MiniLM-L6-v2.
        create: Whether a missing collection is made.
        read_only: Never write; other processes may be writing.
        model: Who answers, a SPEC; `"extractive"` quotes the documents and needs no model.
        settings: What the environment says; read when None.

    Raises:
        StoreNotFoundError: If nothing is there and `create` is False.
        IndexMismatchError: If the collection was built with another model.
        ConfigError: If a SPEC or a setting does not fit.

    Example:
        >>> import ragkit
        >>> rag = ragkit.open("store")  # doctest: +SKIP
        >>> rag.ask("What is BM25?").text  # doctest: +SKIP
    """
    check_answerer(model)
    settings = settings or Settings.from_environment()
    encoder = encoder_for(folder, embeddings, settings=settings)
    return Rag(Collection.open(folder, encoder, create=create, read_only=read_only))


def encoder_for(folder: str | Path, embeddings: Any = None, *, settings: Settings | None = None) -> Encoder | None:
    """Give the encoder to use with the collection in `folder`, which need not exist yet.

    Args:
        folder: The collection's folder.
        embeddings: As in `open`.
        settings: What the environment says; read when None.

    Returns:
        None for a collection whose vectors a caller's own `Embeddings` or no model made: it is searched by words.

    Raises:
        ConfigError: If a SPEC or a setting does not fit.
        ModelFilesError: If the model's files are not there.
    """
    settings = settings or Settings.from_environment()
    if embeddings is not None and not isinstance(embeddings, str):
        return as_encoder(embeddings)
    if isinstance(embeddings, str) and not embeddings.startswith(_OPENAI):
        return _local_encoder(_model_of_spec(embeddings), settings)
    manifest = Folder(Path(folder)).manifest()
    card = manifest.card if manifest else None
    if isinstance(embeddings, str):
        return _openai_encoder(embeddings, settings, known=card)
    if manifest is None:
        return _local_encoder(None, settings)
    if card is None or not card.revision:
        return None
    if card.location.startswith(_OPENAI):
        return _openai_encoder(card.location, settings, known=card)
    return _local_encoder(card.location or None, settings)


def chat_model(spec: str, *, settings: Settings | None = None, **options: Any) -> BaseChatModel:
    """Give the chat model that a SPEC names. Weights that run here load now; a server is first asked by a message.

    Args:
        spec: `"local:<hub id or folder>"` runs Hugging Face weights here; `"openai:<model>"` asks OpenAI, or with
            `base_url` any server with its API. What follows the first colon is the model's name, colons and all.
        settings: What the environment says (hub folder and token, offline, OpenAI's key, server and who is billed,
            prompts of the user's own); read when None.
        options: Fields of `ragkit.LocalChatModel` or `ragkit.OpenAIChatModel`, such as `temperature`; they come before
            what the settings say.

    Raises:
        ConfigError: If the SPEC names no provider or one that is not here, an option does not fit, or OpenAI itself is
            to be asked and there is no key.
        MissingExtraError: If the packages of the extra `local` or `openai` are not installed.
        ModelFilesError: If the files of a model that runs here cannot be had.

    Example:
        >>> import ragkit
        >>> model = ragkit.chat_model("openai:gpt-4.1-mini", temperature=0.0)  # doctest: +SKIP
        >>> model.invoke("What is BM25?").text  # doctest: +SKIP
    """
    provider, name = _chat_spec(spec)
    settings = settings or Settings.from_environment()
    kind, told = _chat_class(provider, settings)
    names = {name: field.alias for name, field in kind.model_fields.items() if field.alias}
    chosen = {names.get(name, name): value for name, value in (told | options).items()}
    if "model" in chosen:
        raise ConfigError(f"{shorten(spec)} names the model already: leave model= out.")
    if provider == "openai":
        _check_key(spec, chosen)
    return kind(model=name, **chosen)


def evaluated_model(spec: str, *, settings: Settings | None = None, **options: Any) -> LangChainChat:
    """Give the chat model that a SPEC names as an evaluation asks it: with a card, and what each reply costs.

    OpenAI itself and models that run here decode under a question's JSON Schema; other servers, of which some ignore
    it, read it in the prompt. A model that runs here is free; the price of another is looked up, and is None where the
    table has none.

    Args:
        spec: As in `chat_model`.
        settings: As in `chat_model`.
        options: As in `chat_model`.

    Raises:
        ConfigError: As `chat_model`.
        MissingExtraError: As `chat_model`.
    """
    from ragkit.evaluate.judges.langchain import LangChainChat
    from ragkit.remote.prices import TokenUsage, prices

    settings = settings or Settings.from_environment()
    model = chat_model(spec, settings=settings, **options)
    if not spec.startswith(_OPENAI):
        return LangChainChat(model, spec, schema="response_format")
    table = prices(settings.prices)

    def cost(usage: Mapping[str, Any]) -> float | None:
        return table.cost_usd(spec.removeprefix(_OPENAI), TokenUsage.of(usage))

    elsewhere = settings.openai_base_url or options.keys() & {"base_url", "openai_api_base"}
    own = _own_prompt("reply-schema", settings)
    return LangChainChat(model, spec, schema="prompt" if elsewhere else "response_format", schema_prompt=own, cost=cost)


def check_answerer(model: str) -> None:
    """Check that `model` names an answerer this version has.

    Raises:
        ConfigError: If it does not.
    """
    if model != "extractive":
        raise ConfigError(
            f"model {shorten(repr(model))} cannot answer in this version: use 'extractive', which quotes the documents."
        )


def _chat_spec(spec: str) -> tuple[str, str]:
    """Split at the first colon; a bare name is nobody's, for a guess could send a prompt to a stranger."""
    if not isinstance(spec, str):
        raise ConfigError(f"a chat model is named by a SPEC, got {shorten(type(spec).__name__)}: {_CHAT_FORMS}.")
    shown = shorten(repr(spec))
    provider, colon, name = spec.partition(":")
    if spec == "extractive":
        raise ConfigError(f"'extractive' is an answerer that quotes documents, not a chat model: {_CHAT_FORMS}.")
    if not colon and spec.strip():
        raise ConfigError(
            f"chat model {shown} names no provider: write openai:{shorten(spec)} to send prompts to OpenAI, or "
            f"local:{shorten(spec)} for a hub id or folder that runs here."
        )
    if provider not in {"local", "openai"}:
        raise ConfigError(
            f"chat model {shown} has no provider that ragkit knows: {_CHAT_FORMS}, the latter with base_url for any "
            "server that speaks OpenAI's API."
        )
    if not name.strip():
        raise ConfigError(f"chat model {shown} names no model: {_CHAT_FORMS}.")
    return provider, name


def _chat_class(
    provider: str, settings: Settings
) -> tuple[type[LocalChatModel] | type[OpenAIChatModel], dict[str, Any]]:
    """Give the class of a provider's models and what the settings tell it."""
    if provider == "local":
        from ragkit.models.local.chat import LocalChatModel

        return LocalChatModel, {
            "downloads": settings.downloads_allowed,
            "hub_cache": settings.hub_folder,
            "token": settings.hub_token,
            "tool_prompt": _own_prompt("call-tools", settings),
        }
    from ragkit.models.openai.chat import OpenAIChatModel

    return OpenAIChatModel, _openai_told(settings) | {"vocabulary_folder": settings.vocabulary_folder}


def _own_prompt(name: str, settings: Settings) -> Prompt | None:
    """Give the prompt by which a user replaces a built-in one; None where there is none."""
    if settings.prompts is None:
        return None
    from ragkit.prompts.library import BUILT_IN, load_prompt

    prompt = load_prompt(name, folder=settings.prompts)
    return None if prompt.origin == BUILT_IN else prompt


def _check_key(spec: str, told: Mapping[str, Any]) -> None:
    if not told.keys() & {"api_key", "base_url", "default_headers"}:
        raise ConfigError(
            f"{shorten(spec)} needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs none."
        )


def _openai_told(settings: Settings) -> dict[str, Any]:
    told = {
        "api_key": settings.openai_key,
        "base_url": settings.openai_base_url,
        "organization": settings.openai_organization,
        "project": settings.openai_project,
    }
    return {name: value for name, value in told.items() if value is not None}


def _model_of_spec(spec: str) -> str:
    kind, _, name = spec.partition(":")
    if kind != "local" or not name:
        raise ConfigError(
            f"embeddings {shorten(repr(spec))} cannot be used: expected local:<hub id or folder>, such as "
            "local:intfloat/multilingual-e5-small, or openai:<model>, such as openai:text-embedding-3-small."
        )
    return name


def _openai_encoder(spec: str, settings: Settings, *, known: EncoderCard | None) -> OpenAIEncoder:
    """Give the encoder of `openai:<model>`; of a collection that it built it takes the dimension, and asks nobody."""
    from ragkit.embed.openai import OpenAIEncoder
    from ragkit.remote.prices import prices

    def server() -> OpenAIServer:
        from ragkit.remote.openai_client import OpenAIServer

        told = _openai_told(settings)
        _check_key(spec, told)
        return OpenAIServer(**told)

    return OpenAIEncoder(
        spec.removeprefix(_OPENAI),
        server,
        dim=known.dim if known is not None and known.location == spec else None,
        cache=settings.cache_folder,
        table=prices(settings.prices) if settings.prices else None,
    )


def _local_encoder(model: str | None, settings: Settings) -> SentenceEncoder:
    return SentenceEncoder.load(
        model,
        engine=settings.engine,
        threads=settings.threads,
        cache=settings.cache_folder,
        downloads=settings.downloads_allowed,
        hub_cache=settings.hub_folder,
        token=settings.hub_token,
    )
