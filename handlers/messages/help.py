"""What the app does, what is connected, what to type."""

from handlers.messages import kit
from handlers.messages.kit import Message
from xpm.standing import Standing

COMMANDS = "\n".join(
    (
        "`/xpm connect` connect Xero Practice Manager",
        "`/xpm log` log time without a call, or on a job at once: `/xpm log kea tax`",
        "`/xpm job J000123` look at a job, or find one by name: `/xpm job kea tax`",
        "`/xpm status` connection, last sync, what waits",
        "`/xpm sync` fetch clients and jobs now",
        "`/xpm phones` phone systems: add one, its address and secret, who took a call, which calls are asked about",
        "`/xpm disconnect` disconnect, after asking once more",
    )
)


def message(standing: Standing, unknown: str = "") -> Message:
    """The answer to /xpm, /xpm help, and to a word the app does not know."""
    blocks = []
    if unknown:
        blocks.append(
            kit.section(
                f"There is no `/xpm {kit.escape(kit.cut(unknown, 40))}`. This is what there is:"
            )
        )
    connection = standing.connection
    if connection is not None and connection.ended_at is None:
        line = f"Connected to {kit.escape(connection.practice)}."
    elif connection is not None:
        line = f"Xero ended the connection to {kit.escape(connection.practice)}. Type `/xpm connect` to reconnect."
    else:
        line = "XPM is not connected. Type `/xpm connect` to begin."
    blocks += [
        kit.section(
            "*Your calls become time in Xero Practice Manager*\n"
            "When a call ends you get a message here with the jobs of your client. Choose one, save, done.\n"
            + line
        ),
        kit.section(COMMANDS),
    ]
    return Message("Your calls become time in Xero Practice Manager. " + line, blocks)
