"""The country in which a practice's numbers without a country code are read, and the modal that changes it."""

from handlers.messages import kit
from xpm.standing import Standing

CHANGE = "region.change"
MODAL = "region.modal"
COUNTRY = "region.country"
BLOCK = "country"

COUNTRIES = {
    "AU": "Australia",
    "CA": "Canada",
    "CK": "Cook Islands",
    "FJ": "Fiji",
    "HK": "Hong Kong",
    "IN": "India",
    "IE": "Ireland",
    "MY": "Malaysia",
    "NZ": "New Zealand",
    "PG": "Papua New Guinea",
    "PH": "Philippines",
    "WS": "Samoa",
    "SG": "Singapore",
    "ZA": "South Africa",
    "TO": "Tonga",
    "AE": "United Arab Emirates",
    "GB": "United Kingdom",
    "US": "United States",
}
"""Where practices on XPM are, and their neighbours; `xpm-slack region` takes any other."""


def name_of(region: str) -> str:
    """A country's name, or its two letters."""
    return COUNTRIES.get(region, region)


def choices(region: str) -> dict[str, str]:
    """What may be chosen: the list, and what it is now."""
    return COUNTRIES if region in COUNTRIES else {region: region, **COUNTRIES}


def modal(standing: Standing) -> kit.Element:
    """Asks for the country, or says who may change it."""
    connection = standing.connection
    if connection is None:
        return _plain("*XPM is not connected*\nThere are no numbers to read.")
    if not standing.may_mend:
        who = kit.escape(standing.connected_by or "who connected XPM")
        return _plain(
            f"*Only {who} or an admin of this workspace can change this*\nNothing was changed."
        )
    options = {code: kit.option(name, code) for code, name in choices(connection.region).items()}
    practice = kit.escape(connection.practice)
    return {
        "type": "modal",
        "callback_id": MODAL,
        "title": kit.plain("Country of numbers", 24),
        "submit": kit.plain("Save country", 24),
        "close": kit.plain("Cancel", 24),
        "private_metadata": connection.connected_at.isoformat(),
        "blocks": [
            {
                "type": "input",
                "block_id": BLOCK,
                "label": kit.plain("Phone numbers without a country code are read as"),
                "element": {
                    "type": "static_select",
                    "action_id": COUNTRY,
                    "options": list(options.values()),
                    "initial_option": options[connection.region],
                },
            },
            kit.context(
                f"Counts for all numbers of {practice}'s clients and contacts. Another country: whoever runs the app "
                "types `xpm-slack region`."
            ),
        ],
    }


def saved(practice: str, region: str) -> kit.Element:
    """The modal after the country was changed."""
    return _plain(
        f"*Numbers of {kit.escape(practice)} are now read as: {kit.escape(name_of(region))}*\n"
        "All clients are read again within some minutes; calls until then may show a number without its client."
    )


def unchanged(region: str) -> kit.Element:
    """The modal when the country was that already."""
    return _plain(f"*Numbers are read as: {kit.escape(name_of(region))}*\nThat is as before.")


def opening() -> kit.Element:
    """What the modal shows for the moment before its facts are read."""
    return _plain("One moment …")


def _plain(mrkdwn: str) -> kit.Element:
    return {
        "type": "modal",
        "callback_id": f"{MODAL}.plain",
        "title": kit.plain("Country of numbers", 24),
        "close": kit.plain("Close", 24),
        "blocks": [kit.section(mrkdwn)],
    }
