"""How a person hears of what happened later, as the practice side asks for it; `handlers.notices` does it in Slack."""

from typing import Protocol


class Notices(Protocol):
    """How a person hears of what happened later; kept by the edge, which knows Slack.

    All raise TryLater when Slack does not take the message now.
    """

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Makes the entry's message show the entry as it stands."""
        ...

    async def refused(self, workspace_id: str, entry_id: str) -> None:
        """Says once more, to the person alone, that the entry was not saved and why."""
        ...

    async def bring_up(self, workspace_id: str, entry_id: str) -> None:
        """Posts the entry's message anew, at the end where the person sees it, in the place of the old one.

        Notes that the person was told with where the new one stands.
        """
        ...
