"""The app as Xero knows it, out of the settings: one way for the running app and for the doctor."""

from bot.settings import Settings
from xpm.api import Http, XeroApp
from xpm.clock import Clock


def xero_app(settings: Settings, http: Http, clock: Clock) -> XeroApp:
    """Our client id, secret, scopes and Xero's addresses, joined."""
    return XeroApp(
        settings.xero_client_id,
        settings.xero_client_secret.get_secret_value(),
        settings.xero_scopes,
        settings.xero_login_url,
        settings.xero_identity_url,
        settings.xero_api_url,
        http=http,
        now=clock,
    )
