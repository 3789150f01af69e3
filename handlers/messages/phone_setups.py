"""How each phone system is set up, in the words of its own pages: the same steps as in docs/phones.

Words in *bold* are what people read at the phone system, words in `code` what they copy; a test holds both against the
page in docs/phones.
"""

from dataclasses import dataclass

from xpm.phone_systems import STANDARD
from xpm.store.workspaces import PhoneSystem


@dataclass(frozen=True, slots=True)
class SetUp:
    """The steps of one phone system after its address is there.

    `secret` is what it calls the secret it makes itself, empty where the secret is ours. `page` is its page in
    docs/phones.
    """

    kind: str
    name: str
    page: str
    steps: tuple[str, ...]
    good_to_know: str = ""
    secret: str = ""


_BRIDGE = (
    "{name} tells an app like this nothing by itself, so somebody makes a small *bridge*: {what}.",
    "The bridge sends `call.ended` to the address when a call ends, signed with the secret, in the way of Standard "
    "Webhooks.",
)

SETUPS: dict[str, SetUp] = {
    "vxt": SetUp(
        "vxt",
        "VXT",
        "vxt",
        (
            "In VXT open *Settings*, then *Integrations*, then *Webhooks*, and add a webhook for the *call log event* "
            "with the address.",
            "Enter the secret as its *bearer token*. If VXT shows a token of its own instead, bring that here with "
            "New secret.",
            "End a call of more than 30 seconds.",
        ),
        "VXT does not deliver calls between its own users. A call on a *shared number* is known by the line alone: say "
        "whose it is under Names.",
    ),
    "aircall": SetUp(
        "aircall",
        "Aircall",
        "aircall",
        (
            "In Aircall open *Integrations & API*, then *Webhook*, and add one with the address and the events "
            "`call.ended`, `call.commented` and `call.tagged`.",
            "Copy the webhook's *token* and enter it here. Until then calls are refused.",
            "End a call. The message comes about 30 seconds later, when Aircall has everything.",
        ),
        "Aircall switches a webhook off that fails several times: if no calls come any more, look there for "
        "“*re-enable*”.",
        "Webhook token",
    ),
    "twilio": SetUp(
        "twilio",
        "Twilio",
        "twilio",
        (
            "In the Twilio console copy the account's *auth token* and enter it here. Until then calls are refused.",
            "Give the address as the *status callback*, method `POST`, event `completed`. Best inside `&lt;Dial&gt;`, "
            "with the person behind the address: `?email=mia%40example.com`.",
            "For a call that the person makes, add `&amp;amp;outside=to`.",
        ),
        "On the number itself it works too: then the call is known by the *line*, talk includes ringing, and you say "
        "whose line it is under Names. Give every leg the callback or none.",
        "Auth token",
    ),
    "dialpad": SetUp(
        "dialpad",
        "Dialpad",
        "dialpad",
        (
            "With Dialpad's API create a *webhook* with the address as `hook_url` and the secret as `secret`.",
            "Create a *call event subscription* for it with `call_states` hangup, missed, voicemail, transcription, "
            "recap_summary, dispositions and recording.",
            "End a call.",
        ),
        "A webhook without a secret sends *plain JSON*, which is refused.",
    ),
    "ringcentral": SetUp(
        "ringcentral",
        "RingCentral",
        "ringcentral",
        (
            "Create a *webhook subscription* with the event filter `/restapi/v1.0/account/~/telephony/sessions`, the "
            "address as `deliveryMode.address` and the secret as `deliveryMode.verificationToken`.",
            "End a call, then look under Names: the *extension's id* is there without a person. Say who it is, or "
            "that it is a menu or a queue.",
        ),
        "If the app was away for long, RingCentral gives the address up for good: *create the subscription anew*. "
        "Subscriptions end by themselves unless they are renewed.",
    ),
    "zoom": SetUp(
        "zoom",
        "Zoom Phone",
        "zoom",
        (
            "In the *Zoom App Marketplace* create a *webhook-only app*. Copy its *secret token* and enter it here "
            "first.",
            "Add an *event subscription* with the address and press *Validate*.",
            "Choose `phone.callee_call_history_completed` and `phone.caller_call_history_completed`.",
            "End a call.",
        ),
        "`phone.callee_ended` and `phone.caller_ended` may be chosen too: they come sooner, and know people by id "
        "alone until a history has told who they are.",
        "Secret token",
    ),
    "3cx": SetUp(
        "3cx",
        "3CX",
        "3cx",
        (
            "Download <{template}|the template for 3CX>.",
            "In the 3CX console open *Settings*, then *CRM*, then *Add*, and upload the template.",
            "Enter the address and the secret, and leave “*Enable Call Journaling*” on.",
            "End a call.",
        ),
        "Needs an edition with *CRM integration* (Professional or Enterprise).",
    ),
    "8x8": SetUp(
        STANDARD,
        "8x8",
        "8x8",
        (
            _BRIDGE[0].format(name="8x8", what="a panel in the agent's browser, *Zapier* or *Make*"),
            _BRIDGE[1],
        ),
        "A secret never belongs in a *browser*: let the panel tell a server of yours, and sign there.",
    ),
    "teams": SetUp(
        STANDARD,
        "Microsoft Teams",
        "teams",
        (
            _BRIDGE[0].format(
                name="Teams", what="an *Azure function*, *Power Automate* or *Make* that fetches the *call record*"
            ),
            _BRIDGE[1],
        ),
        "Teams tells of calls half an hour later on average and up to *two and a half hours*, so the message comes "
        "late.",
    ),
    "zapier": SetUp(
        STANDARD,
        "Zapier or Make",
        "zapier-make",
        (
            "Send `call.ended` when a call ends, signed with the secret in the way of Standard Webhooks: in Zapier by "
            "a *code step*, in Make by an *HTTP module* after a code step.",
            "The body has to be sent *byte by byte* as it was signed.",
            "Send `call.updated` with the same `id` when a comment, a summary, a transcript or a recording is there.",
        ),
    ),
    STANDARD: SetUp(
        STANDARD,
        "Any other system",
        "zapier-make",
        (
            "Send `call.ended` to the address when a call ends, signed with the secret in the way of Standard "
            "Webhooks. Who runs the app finds the form in docs/calls.md.",
            "A person without an e-mail address is named by `staff_id`; say who that is under Names.",
        ),
    ),
}  # fmt: skip
"""What may be chosen, in the order of the menu: some send our own event and are one kind."""


def set_up(system: PhoneSystem) -> SetUp:
    """The set-up of a phone system that is there, as it was chosen from the menu."""
    return SETUPS.get(_chosen(system), SETUPS[STANDARD])


def called(system: PhoneSystem) -> str:
    """What people call a phone system that is there."""
    return "Other system" if _chosen(system) == STANDARD else set_up(system).name


def _chosen(system: PhoneSystem) -> str:
    return system.chosen if system.chosen in SETUPS else system.kind


REASONS = {
    "no_token": "it came without the secret. Enter the secret in {name}.",
    "no_signature": "it came without a proof. Enter the secret in {name}.",
    "bad_token": "it came with another secret. Enter the secret in {name} again, or make a new one.",
    "bad_signature": (
        "its proof does not fit. The secret is another one, or {name} sends to another address than the one here."
    ),
    "malformed_signature": "its proof is not one that {name} makes. Look whether something changes it on the way.",
    "not_a_token": "it came without a proof: the webhook in {name} has no secret. Make it anew with the secret.",
    "bad_body_hash": "it was changed on the way. Look for a proxy between {name} and the app.",
    "malformed_body": "it was cut or changed on the way. Look for a proxy between {name} and the app.",
    "replayed": "it is too old, or a clock is wrong. Nothing is to be done when it was one alone.",
    "malformed_timestamp": "it does not say when it was sent. Look whether something changes it on the way.",
    "not_json": "it is not what {name} sends when a call ends. Look at the kind of event that you chose there.",
    "not_an_object": "it is not what {name} sends when a call ends. Look at the kind of event that you chose there.",
    "secret_lost": (
        "the app cannot open its secret. Whoever runs the app brings the encryption key back; until then {name} has to "
        "try again, or make a new secret."
    ),
    "not_a_form": "it is not what {name} sends when a call ends. Look at the method: it is POST.",
}  # fmt: skip
"""Why a delivery was refused, by the word that the door notes; what follows "was refused: "."""


def reason(why: str, name: str) -> str:
    """Why a delivery was refused and what to do, in a bookkeeper's words; `why` is one of our own."""
    sentence = REASONS.get(why)
    if sentence is None:
        sentence = (
            f"it lacks something that every call has ({why}). Look at the kind of event that you chose "
            "in {name}, then tell who runs the app."
        )
    return sentence.format(name=name)
