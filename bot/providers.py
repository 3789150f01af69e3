"""Which sign-ins the settings make possible: a provider without its credentials is not offered."""

from bot.settings import PREFIX, Settings
from handlers.signin import providers
from handlers.signin.providers import Provider


def providers_of(settings: Settings) -> dict[str, Provider]:
    """The providers with credentials, in the order in which they are offered."""
    found: list[Provider] = []
    if settings.google_client_id and settings.google_client_secret:
        found.append(
            providers.google(
                settings.google_client_id,
                settings.google_client_secret.get_secret_value(),
                settings.google_issuer,
            )
        )
    if settings.microsoft_client_id and settings.microsoft_client_secret:
        found.append(
            providers.microsoft(
                settings.microsoft_client_id,
                settings.microsoft_client_secret.get_secret_value(),
                settings.microsoft_authority,
            )
        )
    if settings.apple_client_id and settings.apple_private_key:
        found.append(
            providers.apple(
                settings.apple_client_id,
                settings.apple_team_id,
                settings.apple_key_id,
                settings.apple_private_key.get_secret_value(),
                settings.apple_issuer,
            )
        )
    allowed = settings.sign_in_providers
    return {one.name: one for one in found if not allowed or one.name in allowed}


def unfinished(settings: Settings) -> list[str]:
    """The settings that are missing beside one that is there: an id without its secret, or the other way round."""
    pairs = (
        ("google_client_id", "google_client_secret"),
        ("microsoft_client_id", "microsoft_client_secret"),
    )
    return [
        f"{PREFIX}{name.upper()}"
        for pair in pairs
        for name in pair
        if any(getattr(settings, one) for one in pair) and not getattr(settings, name)
    ]
