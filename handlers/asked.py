"""What a person did in Slack, out of Bolt's payload: who, where, and how to answer them."""

from dataclasses import dataclass
from typing import Any

from handlers.messages.kit import Message
from handlers.services import Services
from xpm.store.entries import Entry
from xpm.store.workspaces import Person


@dataclass(frozen=True, slots=True)
class Asked:
    """A slash command, a click or a submission, with what every answer to it needs.

    `trigger_id` opens one modal within three seconds; `response_url` is empty where Slack offers none (a modal, Home).
    `entry` is the person's entry as their click left it, None where it was about none of theirs.
    """

    services: Services
    person: Person
    text: str
    trigger_id: str
    response_url: str
    body: dict[str, Any]
    entry: Entry | None = None

    @classmethod
    def of(cls, body: dict[str, Any], context: Any) -> "Asked":
        """Reads Bolt's body and context; the person was put there on the way in."""
        return cls(
            services=context["services"],
            person=context["person"],
            text=str(body.get("text") or "").strip(),
            trigger_id=str(body.get("trigger_id") or ""),
            response_url=str(body.get("response_url") or ""),
            body=body,
            entry=context.get("entry"),
        )

    async def answer(self, message: Message) -> None:
        """Answers the person alone: beside what they did, or in their direct message where Slack offers no way back."""
        if self.response_url:
            await self.services.slack.respond(self.response_url, message)
            return
        channel = await self.services.people.channel(self.person)
        await self.services.slack.call(
            self.person.workspace_id,
            "chat.postEphemeral",
            channel=channel,
            user=self.person.slack_user_id,
            text=message.text,
            blocks=message.blocks,
        )

    async def open_modal(self, view: dict[str, Any]) -> str:
        """Opens a modal and returns its id; must be the first call after a click."""
        answer = await self.services.slack.call(
            self.person.workspace_id, "views.open", trigger_id=self.trigger_id, view=view
        )
        return str(answer["view"]["id"])

    async def update_modal(
        self, view_id: str, view: dict[str, Any], view_hash: str | None = None
    ) -> None:
        """Shows something else in a modal that is open; with a hash only while nothing else was shown since."""
        condition = {} if view_hash is None else {"hash": view_hash}
        await self.services.slack.call(
            self.person.workspace_id, "views.update", view_id=view_id, view=view, **condition
        )
