"""Every listener of the app on one screen: what Slack sends, what answers it at once, what works afterwards."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware

from handlers import (
    call_rules,
    connect,
    home,
    installations,
    job_id,
    phone_people,
    phone_systems,
    post_call,
    region,
)
from handlers import help as help_
from handlers.asked import Asked
from handlers.errors import on_error
from handlers.later import Later, Work
from handlers.messages import call_rules as rules_messages
from handlers.messages import connect as connect_messages
from handlers.messages import job_id as job_id_messages
from handlers.messages import menus, phone_adding
from handlers.messages import phone_people as people_messages
from handlers.messages import phone_systems as phone_messages
from handlers.messages import post_call as post_call_messages
from handlers.messages import region as region_messages
from handlers.messages.kit import Message
from handlers.phone_pages import click, submission
from handlers.services import Services

COMMAND = "/xpm"

First = Callable[[Any, dict[str, Any], Any], Awaitable[None]]
"""What answers Slack at once: (ack, body, context)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A word after /xpm: what it answers at once, from the database alone, and what it does afterwards."""

    answer: Callable[[Asked], Awaitable[Message | None]] | None = None
    work: Work | None = None


COMMANDS: dict[str, Command] = {
    "": Command(help_.answer),
    "help": Command(help_.answer),
    "connect": Command(work=connect.connect),
    "status": Command(connect.status),
    "sync": Command(connect.sync),
    "disconnect": Command(work=connect.ask_disconnect),
    "job": Command(job_id.job, job_id.after_job),
    "log": Command(work=job_id.log),
    "phones": Command(work=click(phone_systems.every)),
}

BUTTONS: dict[str, Work] = {
    connect_messages.BEGIN: connect.connect,
    connect_messages.SYNC_NOW: connect.sync_now,
    connect_messages.DISCONNECT: connect.ask_disconnect,
    region_messages.CHANGE: region.ask,
    post_call_messages.ENTER_ID: job_id.open_modal,
    job_id_messages.LOG_TIME: post_call.log_time_on_job,
    phone_messages.ALL: click(phone_systems.every),
    phone_messages.ALL_NEXT: click(phone_systems.every),
    phone_messages.SHOW: click(phone_systems.one),
    phone_messages.ADD: click(phone_systems.add),
    phone_messages.HOW: click(phone_systems.how_to),
    phone_messages.NEW_SECRET: click(phone_systems.ask_secret),
    phone_messages.TEST: click(phone_systems.test),
    phone_messages.REMOVE: click(phone_systems.ask_remove),
    people_messages.PEOPLE: click(phone_people.listed),
    people_messages.PEOPLE_NEXT: click(phone_people.listed),
    people_messages.WHO: click(phone_people.ask),
    rules_messages.RULES: click(call_rules.form),
    job_id_messages.NEAR: job_id.use_near,
}
"""Buttons whose work has nothing to commit before the ack."""

LINKS = (connect_messages.OPEN_LINK, post_call_messages.OPEN_IN_XPM, job_id_messages.OPEN_IN_XPM)
"""Buttons that open an address; Slack wants an ack all the same."""


class Clicker(AsyncMiddleware):
    """Puts the services and the person in the context. Bolt would build every argument it knows for a function here."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[Any]],  # noqa: A002 (Bolt's name)
    ) -> BoltResponse | None:
        """Goes on to the listeners; nothing is kept for a workspace that its organisation took the app from."""
        context, body, services = req.context, req.body, self._services
        context["services"] = services
        team_id = installations.team_of(context, body)
        if not await installations.is_served(services, context, body, team_id):
            return BoltResponse(status=200, body="")
        if "person" not in context:
            context["person"] = await services.people.known(team_id, context.user_id or "")
        await next()
        return None


def register(app: AsyncApp, services: Services, later: Later) -> None:
    """Joins Slack's payloads and our functions. Each is an ack and, where there is more to do, work after it."""

    def listener(first: First, work: Work | None = None) -> First:
        async def listen(ack: Any, body: dict[str, Any], context: Any) -> None:
            await first(ack, body, context)
            if work is not None:
                later.start(work, Asked.of(body, context))

        return listen

    app.middleware(Clicker(services))
    app.error(on_error)

    def clicked(*action_ids: str) -> None:
        for action_id in action_ids:
            act = post_call.committing(post_call.CLICKS[action_id])
            app.action(action_id)(listener(act, post_call.show))

    # Bolt asks one listener after the other, each for as long as an indexed read takes: what people wait for most
    # stands first.
    app.options(menus.JOB)(listener(answer_job_menu))
    clicked(post_call_messages.SAVE)
    app.command(COMMAND)(listener(answer_command, work_on_command))
    clicked(*(one for one in post_call.CLICKS if one != post_call_messages.SAVE))
    app.options(menus.WHO)(listener(answer_client_menu))
    for action_id, work in BUTTONS.items():
        app.action(action_id)(listener(just_ack, work))
    for action_id in LINKS:
        app.action(action_id)(listener(just_ack))
    app.view(job_id_messages.MODAL)(listener(job_id.submitted, job_id.after_submit))
    app.view(connect_messages.DISCONNECT_MODAL)(listener(confirm_disconnect, connect.disconnect))
    app.view(region_messages.MODAL)(listener(region.save, region.follow))
    app.view(phone_adding.ADDING)(listener(submission(phone_systems.added)))
    app.view(phone_adding.KEEPING)(listener(submission(phone_systems.secret_given)))
    app.view(phone_messages.REMOVING)(listener(submission(phone_systems.removed)))
    app.view(people_messages.NAMING)(
        listener(submission(phone_people.submitted), phone_people.save)
    )
    app.view(rules_messages.RULING)(listener(submission(call_rules.saved)))
    app.event("app_home_opened")(listener(just_ack, home.opened))
    for event in ("app_uninstalled", "tokens_revoked"):
        app.event(event)(listener(installations.removed))
    app.event("team_access_granted")(listener(installations.access_granted))
    app.event("team_access_revoked")(listener(installations.access_revoked))


async def just_ack(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Says yes; nothing is to be committed first."""
    await ack()


def _command(asked: Asked) -> Command:
    word = asked.text.split()[0].casefold() if asked.text else ""
    return COMMANDS.get(word, Command(help_.unknown))


async def answer_command(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Answers /xpm in the ack itself where the database alone knows the answer."""
    asked = Asked.of(body, context)
    command = _command(asked)
    message = await command.answer(asked) if command.answer is not None else None
    if message is None:
        await ack()
    else:
        await ack(text=message.text, blocks=message.blocks, response_type="ephemeral")


async def work_on_command(asked: Asked) -> None:
    """Does what a command does after its ack."""
    work = _command(asked).work
    if work is not None:
        await work(asked)


async def answer_job_menu(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Fills the job menu from the mirror; a menu cannot show an error, so it is empty when there is nothing."""
    groups = await post_call.job_menu(Asked.of(body, context))
    ack.response = BoltResponse(
        status=200,
        body=menus.job_groups_text(groups),
        headers={"content-type": "application/json;charset=utf-8"},
    )


async def answer_client_menu(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Fills "Who was this?" from the mirror."""
    await ack(options=await post_call.client_menu(Asked.of(body, context)))


async def confirm_disconnect(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Shows that disconnecting is under way, in the place of the confirmation."""
    await ack(response_action="update", view=await connect.disconnecting(Asked.of(body, context)))
