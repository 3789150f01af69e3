"""/xpm and /xpm help, and what is said to a word the app does not know."""

from handlers.asked import Asked
from handlers.messages import help as messages
from handlers.messages.kit import Message


async def answer(asked: Asked) -> Message:
    """What the app does, what is connected, what to type."""
    return messages.message(await asked.services.standings.of(asked.person))


async def unknown(asked: Asked) -> Message:
    """The same, after saying which word is not known."""
    return messages.message(await asked.services.standings.of(asked.person), asked.text.split()[0])
