"""Blocks as the app sends them, for the stub to show."""

from typing import Any

Json = dict[str, Any]


def text(words: str) -> Json:
    """Return a plain_text object."""
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> Json:
    """Return a mrkdwn object."""
    return {"type": "mrkdwn", "text": words}


def option(words: str, value: str) -> Json:
    """Return an option."""
    return {"text": text(words), "value": value}


def job_menu(block_id: str = "job") -> Json:
    """Return an actions block with the job menu, which opens at once."""
    return {
        "type": "actions",
        "block_id": block_id,
        "elements": [
            {
                "type": "external_select",
                "action_id": "choose_job",
                "placeholder": text("Choose a job"),
                "min_query_length": 0,
            },
            {"type": "button", "action_id": "job_id", "text": text("Enter job ID"), "value": "e1"},
            {"type": "button", "action_id": "dont_log", "text": text("Don’t log"), "value": "e1"},
        ],
    }


def call_heading() -> list[Json]:
    """Return the two lines that open every post-call message."""
    return [
        {
            "type": "section",
            "block_id": "who",
            "text": mrkdwn("*Call with Ana Example, Kea Ltd*\nIncoming, today 14:05, 12 min"),
        }
    ]


def offered() -> list[Json]:
    """Return the message right after a call."""
    return [*call_heading(), job_menu()]


def note_input(block_id: str = "note", start: str = "Call with Ana Example") -> Json:
    """Return the note's input block."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": text("Note"),
        "optional": True,
        "element": {"type": "plain_text_input", "action_id": "note", "initial_value": start},
    }


def minutes_input() -> Json:
    """Return the minutes' input block."""
    return {
        "type": "input",
        "block_id": "minutes",
        "label": text("Minutes"),
        "element": {
            "type": "number_input",
            "action_id": "minutes",
            "is_decimal_allowed": False,
            "initial_value": "12",
            "min_value": "1",
        },
    }


def task_menu() -> Json:
    """Return the task menu with a task chosen."""
    tasks = [option("Individual tax", "t1"), option("Review", "t2"), option("Client queries", "t3")]
    return {
        "type": "input",
        "block_id": "task",
        "label": text("Task"),
        "element": {
            "type": "static_select",
            "action_id": "task",
            "placeholder": text("Choose a task"),
            "options": tasks,
            "initial_option": tasks[0],
        },
    }


def save_buttons() -> Json:
    """Return the buttons of a chosen entry."""
    return {
        "type": "actions",
        "block_id": "save",
        "elements": [
            {
                "type": "button",
                "action_id": "save",
                "text": text("Save time"),
                "style": "primary",
                "value": "e1",
            },
            {"type": "button", "action_id": "dont_log", "text": text("Don’t log"), "value": "e1"},
        ],
    }


def chosen() -> list[Json]:
    """Return the message after a job was chosen."""
    return [
        *call_heading(),
        job_menu(),
        {
            "type": "context",
            "block_id": "job_facts",
            "elements": [mrkdwn("Kea Ltd · In Progress · assigned to you")],
        },
        task_menu(),
        minutes_input(),
        note_input(),
        save_buttons(),
    ]


def sent() -> list[Json]:
    """Return the message after the time was saved."""
    return [
        {
            "type": "section",
            "block_id": "sent",
            "text": mrkdwn(
                "*12 min on J000123 Tax return 2026* · Individual tax\nToday: 1 h 48 min on 9 calls"
            ),
        },
        {
            "type": "actions",
            "block_id": "after",
            "elements": [
                {"type": "button", "action_id": "edit", "text": text("Edit"), "value": "e1"},
                {
                    "type": "button",
                    "action_id": "undo",
                    "text": text("Undo"),
                    "value": "e1",
                    "confirm": {
                        "title": text("Remove this time?"),
                        "text": mrkdwn("12 min on *J000123* is removed from XPM."),
                        "confirm": text("Remove"),
                        "deny": text("Keep"),
                        "style": "danger",
                    },
                },
                {
                    "type": "button",
                    "action_id": "open",
                    "text": text("Open in XPM"),
                    "url": "https://example.com/J000123",
                },
            ],
        },
    ]


def people_menu(chosen: str) -> Json:
    """Return a menu of the workspace's people with one of them chosen."""
    return {
        "type": "input",
        "block_id": "person",
        "label": text("Person in Slack"),
        "element": {"type": "users_select", "action_id": "person", "initial_user": chosen},
    }


def job_modal(view_id: str = "V0JOB") -> Json:
    """Return the modal that finds a job by its exact ID."""
    return {
        "id": view_id,
        "view": {
            "type": "modal",
            "title": text("Find a job by ID"),
            "submit": text("Use this job"),
            "close": text("Cancel"),
            "blocks": [
                {
                    "type": "input",
                    "block_id": "id",
                    "label": text("Job ID"),
                    "hint": text("As it stands in XPM, for example J000123"),
                    "dispatch_action": True,
                    "element": {
                        "type": "plain_text_input",
                        "action_id": "id",
                        "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]},
                    },
                },
                {
                    "type": "section",
                    "block_id": "found",
                    "text": mrkdwn("*J000123 Tax return 2026*\nKea Ltd · In Progress"),
                },
            ],
        },
        "errors": {},
        "busy": False,
        "state": {},
    }


def home() -> Json:
    """Return the Home tab of a connected workspace."""
    return {
        "id": "V0HOME",
        "type": "home",
        "blocks": [
            {"type": "header", "text": text("Today: 1 h 48 min on 9 calls")},
            {
                "type": "section",
                "fields": [
                    mrkdwn("*Connected to*\nKea Accounting"),
                    mrkdwn("*In sync*\n15,000 clients, 2,210 jobs"),
                ],
            },
            {"type": "divider"},
            {
                "type": "section",
                "block_id": "row",
                "text": mrkdwn("*12 min* · J000123 Tax return 2026\nAna Example, Kea Ltd, 14:05"),
                "accessory": {
                    "type": "overflow",
                    "action_id": "row",
                    "options": [option("Edit", "edit"), option("Undo", "undo")],
                },
            },
            {
                "type": "section",
                "block_id": "row2",
                "text": mrkdwn("*6 min* · not logged\nDan Sample, Moa Farms, 13:20"),
                "accessory": {
                    "type": "button",
                    "action_id": "log_it",
                    "text": text("Log it after all"),
                    "value": "e2",
                },
            },
            {"type": "context", "elements": [mrkdwn("Synced today 14:00 · next at 14:15")]},
            {
                "type": "actions",
                "block_id": "home_actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "log_time",
                        "style": "primary",
                        "text": text("Log time"),
                    },
                    {"type": "button", "action_id": "settings", "text": text("Settings")},
                ],
            },
        ],
    }


def every_element() -> list[Json]:
    """Return one of each thing the page draws, and one that it does not know."""
    two = [option("First", "1"), option("Second", "2")]
    return [
        {"type": "header", "text": text("Every element :wave:")},
        {
            "type": "section",
            "text": mrkdwn(
                "*bold* _italic_ ~struck~ `code` <https://example.com/a?b=1&amp;c=2|a link>"
                " &lt;b&gt;not bold&lt;/b&gt; <@U0MIA> :white_check_mark:\n"
                "&gt; quoted *words*\n• one\n• two\n```x = 1 &lt; 2```"
            ),
        },
        {
            "type": "actions",
            "block_id": "all",
            "elements": [
                {"type": "button", "action_id": "a", "text": text("Danger"), "style": "danger"},
                {
                    "type": "static_select",
                    "action_id": "s",
                    "placeholder": text("Grouped"),
                    "option_groups": [
                        {"label": text("Planned"), "options": [option("GST return", "g")]},
                        {"label": text("In progress"), "options": [option("Tax return", "t")]},
                    ],
                },
                {"type": "datepicker", "action_id": "d", "initial_date": "2026-11-23"},
                {"type": "timepicker", "action_id": "t", "initial_time": "14:05"},
                {"type": "overflow", "action_id": "o", "options": two},
                {"type": "radio_buttons", "action_id": "r", "options": two},
                {
                    "type": "checkboxes",
                    "action_id": "c",
                    "options": two,
                    "initial_options": [two[1]],
                },
                {"type": "multi_users_select", "action_id": "m"},
            ],
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "Rich ", "style": {"bold": True}},
                        {"type": "link", "url": "https://example.com", "text": "text"},
                    ],
                }
            ],
        },
        {"type": "video", "title": text("A film")},
    ]
