"""The URL of a gateway database that is somebody else's."""

from settings.loading import SettingsError
from settings.model import Settings
from settings.vault import Vault
from urls import PostgresUrl, UrlError, postgres_url

LANGFUSE_SCHEMA = "langfuse"
NO_ENGINES = (
    "gateway:database needs LiteLLM's own image: the one that was built from packages here has no Prisma engine. Let "
    "the machine reach the registry of gateway:image and run `python -m ops images --refresh`, or remove the setting"
)


def gateway_database(settings: Settings, vault: Vault) -> PostgresUrl:
    """Where the gateway keeps virtual keys.

    Raises:
        SettingsError: there is no URL, or it is none, or it leads to Langfuse's own tables.
    """
    url = vault.gateway_database_url
    if url is None and (text := settings.gateway.database_url):
        try:
            url = postgres_url(text)
        except UrlError as error:
            raise SettingsError(f"gateway:databaseUrl {error}") from None
    if url is None:
        raise SettingsError(
            "gateway:database external needs a URL: run `pulumi config set --secret gateway:databaseUrl <url>`, or put "
            "it into GATEWAY_DATABASE_URL of the vault"
        )
    langfuses = (vault.postgres_direct_url, vault.postgres_pooled_url)
    if any(known and _same_server(known, url) for known in langfuses) and url.parameter("schema") == LANGFUSE_SCHEMA:
        raise SettingsError(
            "the URL of gateway:database is Langfuse's own database and schema, which LiteLLM would migrate: give it a "
            "database of its own, or another schema (?schema=litellm)"
        )
    return url


def _same_server(one: PostgresUrl, other: PostgresUrl) -> bool:
    return (one.host.lower(), one.path) == (other.host.lower(), other.path)
