"""What people read when something of ours went wrong."""

from handlers.messages import kit
from handlers.messages.kit import Message


def unexpected(reference: str) -> Message:
    """The one sentence for what nobody foresaw; `reference` is in the log as well."""
    text = f"That did not work, and we have noted it as {reference}. Nothing was saved or lost."
    return Message(
        text,
        [
            kit.section(
                f"*{text}*\nTry again in a minute. If it stays, send {reference} to your admin."
            )
        ],
    )


def left() -> Message:
    """Somebody whose account is closed, or an app that is no longer installed for them."""
    text = "Your account in this workspace is closed, so nothing was changed."
    return Message(text, [kit.section(text)])
