"""Where each sealed value stands: table, column and row, which the vault binds it to. One function for a column.

A value that is moved to another row does not open there. Whoever seals, opens or re-seals asks here, so that the two
can never differ; `BY_COLUMN` tells key rotation how to find the place from a row.
"""

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def bot_token(workspace_id: str) -> str:
    """Slack's token of a workspace."""
    return f"workspaces.bot_token:{workspace_id}"


def bot_refresh_token(workspace_id: str) -> str:
    """What Slack gives the next token of a workspace for."""
    return f"workspaces.refresh_token:{workspace_id}"


def access_token(workspace_id: str) -> str:
    """Xero's access token of a connection."""
    return f"connections.access_token:{workspace_id}"


def refresh_token(workspace_id: str) -> str:
    """Xero's refresh token of a connection."""
    return f"connections.refresh_token:{workspace_id}"


def signin_verifier(link: str) -> str:
    """The verifier that a browser takes to Google, Microsoft or Apple; `link` is a fingerprint."""
    return f"connect_links.signin_verifier:{link}"


def signin_code(state: str) -> str:
    """The code that a provider posted; `state` is the fingerprint of the state it came with."""
    return f"connect_links.signin_code:{state}"


def verifier(link: str) -> str:
    """The verifier that a browser takes to Xero; `link` is a fingerprint."""
    return f"connect_links.verifier:{link}"


def consented(link: str) -> str:
    """What Xero's consent gave, until one practice is chosen; `link` is a fingerprint."""
    return f"connect_links.consented:{link}"


def phone_secret(system_id: str) -> str:
    """The secret with which a phone system signs."""
    return f"phone_systems.secret:{system_id}"


BY_COLUMN: dict[str, Callable[[Row], str]] = {
    "workspaces.bot_token": lambda row: bot_token(row["id"]),
    "workspaces.refresh_token": lambda row: bot_refresh_token(row["id"]),
    "connections.access_token": lambda row: access_token(row["workspace_id"]),
    "connections.refresh_token": lambda row: refresh_token(row["workspace_id"]),
    "connect_links.signin_verifier": lambda row: signin_verifier(row["link"]),
    "connect_links.signin_code": lambda row: signin_code(row["signin_state"]),
    "connect_links.verifier": lambda row: verifier(row["link"]),
    "connect_links.consented": lambda row: consented(row["link"]),
    "phone_systems.secret": lambda row: phone_secret(row["id"]),
}
"""The place of each sealed column, from its row. A test walks every table and fails on a column that is not here."""
