"""App Home: the connection, what waits, and how to use the app."""

import datetime as dt

from handlers.messages import connect, kit, phone_systems, region
from handlers.messages.help import COMMANDS
from xpm.standing import Standing


def view(standing: Standing, now: dt.datetime) -> kit.Element:
    """The Home tab of one person."""
    blocks: list[kit.Block] = [
        {"type": "header", "text": kit.plain("Xero Practice Manager", 150)},
        kit.section("\n".join(connect.connection_lines(standing, now))),
    ]
    if standing.is_connected:
        buttons = [kit.button("Sync now", connect.SYNC_NOW)]
        if standing.may_mend:
            buttons.append(kit.button("Change country of numbers", region.CHANGE))
            buttons.append(kit.button("Disconnect", connect.DISCONNECT, style="danger"))
        blocks.append(kit.actions("connection", *buttons))
    else:
        word = "Reconnect" if standing.connection is not None else "Connect"
        buttons = [kit.button(word, connect.BEGIN, style="primary")]
        if standing.connection is not None and standing.may_mend:
            buttons.append(kit.button("Disconnect", connect.DISCONNECT, style="danger"))
        blocks.append(kit.actions("connection", *buttons))
    blocks += [
        {"type": "divider"},
        *_phones(standing),
        kit.section("*Your times*\n" + "\n".join(connect.queue_lines(standing))),
        {"type": "divider"},
        kit.section(f"*What you can type*\n{COMMANDS}"),
    ]
    return {"type": "home", "blocks": blocks}


def _phones(standing: Standing) -> list[kit.Block]:
    """The way to the phone systems, for those who may change them."""
    if not standing.may_mend:
        return []
    return [
        kit.section(
            "*Phone systems*\nWhere your calls come from, who took them, and which are asked about.",
            accessory=kit.button("Phone systems", phone_systems.ALL),
        ),
        {"type": "divider"},
    ]
