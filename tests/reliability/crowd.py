"""Many people who take calls and log them, at the pretend Slack, as patiently as people are.

A person looks at what a message shows and does the next thing: chooses the job, saves, and clicks again when nothing
has happened after a while. They look into the pretend Slack itself; what they click goes to the app over HTTP.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from sandbox.visitor import has_button
from sandbox.workspace.model import Message, Person, Team
from sandbox.workspace.outgoing.interactions import act
from sandbox.workspace.outgoing.payloads import Container
from sandbox.world import TEAM
from tests.handlers.inside import JOB, KEA, TASK
from tests.reliability.standing import Standing

NUMBER = "J000123"
ACCEPTED = 202
_PATIENCE = 4.0
"""Seconds after which somebody clicks again."""

_LONGEST = 600.0
"""Seconds after which somebody would ring us up."""

_LOOK_EVERY = 0.03
_TAKEN_AWAY = 5


def hire(made: Standing, count: int) -> list[Person]:
    """Gives the practice's grown staff their accounts in Slack, and the job to work on."""
    team = made.slack.teams[TEAM]
    kea = made.xero.practices[KEA]
    grown = [one for one in kea.staff.values() if one.name[-1].isdigit()]
    kea.jobs[NUMBER].assigned += tuple(one.uuid for one in grown)
    people = []
    for number, staff in enumerate(grown[:count]):
        person = Person(f"U1{number:04}", TEAM, staff.name, f"person{number}", str(staff.email))
        team.people[person.id] = person
        people.append(person)
    assert len(people) == count
    return people


@dataclass
class LoggedCall:
    """A call and what came of it; `clicked_at` is the moment of the first click on Save, in Unix seconds."""

    name: str
    person: Person
    clicked_at: float = 0.0


class Desk:
    """One person's screen, from one call's end to the message that says saved."""

    def __init__(self, made: Standing, call: LoggedCall) -> None:
        self._made, self._call = made, call
        self._workspace = made.slack
        self._team: Team = made.slack.teams[TEAM]
        self._channel = made.slack.app_channel(self._team, call.person.id)
        self._mark = ""
        self._known: set[str] = set()
        self._first = len(self._channel.messages)
        """Where in the conversation this call begins; a copy that was taken away may leave it one further up."""

    async def log(self) -> None:
        """Takes the call and logs it."""
        call = {"external_number": None, "external_name": self._call.name, "id": self._call.name}
        told = {**call, "user_email": self._call.person.email}
        while await self._made.ring(**told) != ACCEPTED:  # noqa: ASYNC110
            # A telephone delivers again what was not acknowledged.
            await asyncio.sleep(0.2)
        try:
            async with asyncio.timeout(_LONGEST):
                await self.find()
                await self._save()
        except TimeoutError:
            left = [one.text for one in self.messages()]
            raise AssertionError(f"{self._call.name} is not saved: {left}") from None

    async def _save(self) -> None:
        while not self.saved():
            # A click in a copy takes it away; what stands instead shows itself when it has something to click again.
            if found := self.messages():
                await self._do_next(found[-1])
            await asyncio.sleep(_LOOK_EVERY)

    async def find(self) -> None:
        """Looks for the message that asks about the call until it is there."""
        title = f"Call with {self._call.name}"
        while not self._mark:
            for message in reversed(self._channel.messages):
                if message.ephemeral_for is None and title in message.text:
                    # Every button of a message names its entry.
                    self._mark = next(
                        block["block_id"].removeprefix("do:")
                        for block in message.blocks or ()
                        if block["block_id"].startswith("do:")
                    )
                    return
            await asyncio.sleep(_LOOK_EVERY)

    def messages(self) -> list[Message]:
        """The messages about this call that are there now, the newest last."""
        mine = f"do:{self._mark}"
        recent = self._channel.messages[max(0, self._first - _TAKEN_AWAY) :]
        self._known |= {
            one.ts for one in recent if any(block["block_id"] == mine for block in one.blocks or ())
        }
        # While it is being sent a message has no buttons, but it is the same message.
        return [one for one in recent if one.ts in self._known]

    def saved(self) -> list[Message]:
        """Those that say that it is saved."""
        return [one for one in self.messages() if has_button({"blocks": one.blocks}, "Undo")]

    async def _do_next(self, message: Message) -> None:
        if self._element(message, TASK) is not None and has_button(
            {"blocks": message.blocks}, "Save time"
        ):
            self._call.clicked_at = self._call.clicked_at or time.time()
            await self._act(message, "post_call.save", None)
        elif self._element(message, JOB) is not None:
            text = {"type": "plain_text", "text": NUMBER}
            await self._act(message, JOB, {"text": text, "value": NUMBER})
        else:
            return
        await self._until_it_changes(message)

    async def _until_it_changes(self, message: Message) -> None:
        before, patience = message.blocks, time.monotonic() + _PATIENCE
        while message.blocks is before and message in self._channel.messages:
            if time.monotonic() > patience or self.messages()[-1:] != [message]:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _act(self, message: Message, action_id: str, value: Any) -> None:
        found = self._element(message, action_id)
        if found is None:
            return
        container = Container(channel=self._channel, message=message)
        state = _inputs(message)
        await act(
            self._workspace, self._team, self._call.person, container, found, action_id, value, state
        )  # fmt: skip

    @staticmethod
    def _element(message: Message, action_id: str) -> str | None:
        """The block in which an element stands."""
        for block in message.blocks or ():
            for element in [block.get("element"), *block.get("elements", [])]:
                if element and element.get("action_id") == action_id:
                    return str(block["block_id"])
        return None


def _inputs(message: Message) -> dict[str, Any]:
    """What stands in the message's fields; the first task is taken."""
    state: dict[str, Any] = {}
    for block in message.blocks or ():
        if block.get("type") != "input":
            continue
        element = block["element"]
        value = element.get("initial_value") or element.get("initial_date")
        if element["type"] == "external_select":
            value = element.get("initial_option")
        elif element["action_id"] == TASK:
            value = element["options"][0]["value"]
        state[block["block_id"]] = {element["action_id"]: value}
    return state
