"""What each adapter makes of its vendor's events; the samples and their pages are in `samples`."""

import datetime as dt
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from handlers.phones import KINDS
from handlers.phones.delivery import Delivery, Unreadable
from tests.handlers.phones.samples import (
    ANSWER,
    END,
    EVENTS,
    NOW,
    START,
    URL,
    aircall,
    dialpad,
    ms,
    party,
    ringcentral,
    s,
    seconds_in,
    session,
    signed,
    standard,
    threecx,
    twilio,
    vxt,
    zoom,
    zoom_ended,
)
from xpm.calls import EndedCall, Late, Remark, Step, Told, talk_seconds
from xpm.legs import together


def read(kind: str, event: Any) -> list[Told]:
    """What the adapter reads in an event that is proven."""
    delivery = signed(kind, event)
    KINDS[kind].verify(delivery, _secret(kind))
    return KINDS[kind].read(delivery)


def _secret(kind: str) -> str:
    from tests.handlers.phones.samples import secret_of

    return secret_of(kind)


def one(kind: str, event: Any) -> EndedCall:
    """The only part of a call that an event tells."""
    [told] = read(kind, event)
    assert isinstance(told, EndedCall)
    return told


WHOLE = ["standard", "vxt", "aircall", "dialpad", "3cx", "zoom"]


@pytest.mark.parametrize("kind", WHOLE)
def test_answered_call_is_read_with_its_person_number_and_times(kind: str) -> None:
    call = one(kind, EVENTS[kind])
    assert call.email.casefold() == "mia@example.com"
    assert call.direction == "inbound"
    assert [number.replace(" ", "") for number in call.numbers] == ["+64215550123"]
    assert (call.is_answered, call.is_internal, call.is_voicemail) == (True, False, False)
    assert (call.started_at, call.answered_at, call.ended_at) == (START, ANSWER, END)
    assert talk_seconds(call) == (700 if kind == "zoom" else 720, False)


@pytest.mark.parametrize(
    ("kind", "source_id"),
    [
        ("standard", "c-1"),
        ("vxt", "vxt-1"),
        ("aircall", "812354"),
        ("twilio", "CA00000000000000000000000000000001"),
        ("dialpad", "4876543210123456"),
        ("ringcentral", "s-1"),
        ("zoom", "7000000000000000001"),
    ],
)
def test_call_has_the_vendors_own_identity(kind: str, source_id: str) -> None:
    assert [told.source_id for told in read(kind, EVENTS[kind])] == [source_id]


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("standard", {"type": "call.started", "data": {}}),
        ("vxt", {"event": "voicemail", "voicemail": {"id": 1}}),
        ("vxt", {"event": "sms", "sms": {}}),
        ("aircall", aircall("call.created")),
        ("aircall", aircall("call.hungup")),
        ("aircall", {"event": "user.opened", "data": {}}),
        ("aircall", aircall("call.tagged", ended_at=None)),
        ("twilio", twilio(CallStatus="ringing")),
        ("twilio", twilio(CallStatus="in-progress")),
        ("dialpad", dialpad(state="ringing")),
        ("dialpad", dialpad(state=None)),
        ("dialpad", dialpad(target={"type": "department", "id": 1})),
        ("ringcentral", {"event": "/restapi/v1.0/account/~/extension/~/presence", "body": {}}),
        ("ringcentral", ringcentral(3, START)),
        ("zoom", {"event": "phone.callee_ringing", "payload": {"object": {}}}),
        ("zoom", {"event": "meeting.ended", "payload": {"object": {}}}),
        ("3cx", threecx(CallType="Chat")),
    ],
)
def test_event_that_is_none_of_ours_is_taken_and_says_nothing(kind: str, event: Any) -> None:
    assert read(kind, event) == []


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("vxt", {"event": "callLog"}),
        ("vxt", vxt(id=None)),
        ("vxt", vxt(id="")),
        ("vxt", vxt(id="x" * 256)),
        ("vxt", vxt(result={"type": "else"})),
        ("vxt", vxt(result=None)),
        ("aircall", {"event": "call.ended", "data": []}),
        ("aircall", aircall(id=None)),
        ("aircall", aircall(id=True)),
        ("aircall", aircall(id=[1])),
        ("twilio", {"CallStatus": "completed"}),
        ("twilio", {"CallSid": "CA1"}),
        ("twilio", twilio(CallSid="x" * 300)),
        ("dialpad", dialpad(call_id=None)),
        ("dialpad", dialpad(call_id={})),
        ("ringcentral", {"event": "/account/1/telephony/sessions", "body": {}}),
        ("ringcentral", ringcentral(1, START, party("p-3", "Answered"), session="")),
        ("zoom", {"event": "phone.callee_ended", "payload": {}}),
        ("zoom", zoom_ended(call_id=None)),
        ("zoom", {"event": "phone.callee_call_history_completed", "payload": {"object": {}}}),
        ("zoom", zoom(call_id=None, id=None)),
        ("3cx", {"Number": "+64215550123"}),
        ("3cx", threecx(Agent="[Agent]", AgentEmail="[AgentEmail]")),
    ],
)
def test_event_of_ours_without_what_it_needs_is_unreadable(kind: str, event: Any) -> None:
    with pytest.raises(Unreadable):
        read(kind, event)


@pytest.mark.parametrize(
    "kind", ["standard", "vxt", "aircall", "dialpad", "ringcentral", "zoom", "3cx"]
)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b"a=b&c=d", b"\xff\xfe", b"[" * 9999]
)
def test_body_that_is_no_json_object_is_unreadable(kind: str, body: bytes) -> None:
    url, headers = URL.format(kind=kind), {"content-type": "application/json"}
    if kind == "dialpad":
        body = signed("dialpad", body).body
    with pytest.raises(Unreadable):
        KINDS[kind].read(Delivery(headers, body, url, NOW))


def test_json_where_twilio_sends_a_form_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        KINDS["twilio"].read(Delivery({}, json.dumps(twilio()).encode(), "", NOW))


MISSED: list[tuple[str, Any]] = [
    ("vxt", vxt(result={"type": "missed", "startTimestamp": ms(START)})),
    ("aircall", aircall(answered_at=None, user=None, missed_call_reason="no_available_agent")),
    ("twilio", twilio(CallStatus="no-answer", CallDuration="0")),
    ("twilio", twilio(CallStatus="busy")),
    ("twilio", twilio(CallStatus="completed", CallDuration="0")),
    ("dialpad", dialpad(date_connected=None, duration=0)),
    ("dialpad", dialpad(state="missed")),
    ("zoom", zoom(result="no_answer", answer_time=None, talk_time=0)),
    ("zoom", zoom(result="missed")),
    ("zoom", zoom_ended("phone.callee_missed")),
    ("zoom", zoom_ended(answer_start_time=None)),
    ("3cx", threecx(CallType="Missed")),
    ("3cx", threecx(CallType="Notanswered")),
    ("standard", standard(answered_at=None)),
]


@pytest.mark.parametrize(("kind", "event"), MISSED)
def test_call_that_nobody_answered_is_missed_however_long_it_rang(kind: str, event: Any) -> None:
    call = one(kind, event)
    assert (call.is_answered, call.answered_at) == (False, None)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("aircall", aircall(answered_at=None, voicemail="https://example.com/v")),
        ("dialpad", dialpad(state="voicemail", date_connected=None)),
        ("dialpad", dialpad(voicemail_link="https://example.com/v")),
        ("twilio", twilio(AnsweredBy="machine_start")),
        ("zoom", zoom(result="voicemail", answer_time=None)),
    ],
)
def test_voicemail_is_told_from_a_talk(kind: str, event: Any) -> None:
    call = one(kind, event)
    assert (call.is_voicemail, call.is_answered) == (True, False)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("vxt", vxt(otherParties=[{"type": "user", "uid": "u-2", "email": "lee@example.com"}])),
        ("dialpad", dialpad(contact={"type": "user", "name": "Lee"})),
        ("zoom", zoom(connect_type="internal")),
        ("zoom", zoom_ended(caller={"extension_number": 1002, "user_id": "z-lee"})),
        ("zoom", zoom_ended(caller={"extension_number": 1002})),
        ("3cx", threecx(Number="104")),
        ("twilio", twilio(From="client:lee")),
        ("standard", standard(internal=True)),
    ],
)
def test_call_between_colleagues_is_internal(kind: str, event: Any) -> None:
    assert one(kind, event).is_internal


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("vxt", vxt(direction="outbound")),
        ("vxt", vxt(callDirection="outgoing", direction=None)),
        ("aircall", aircall(direction="outbound")),
        ("twilio", twilio(From="client:mia", To="+64215550123")),
        ("twilio", twilio(Direction="outbound-api", From="+6495550100", To="+64215550123")),
        ("dialpad", dialpad(direction="outbound")),
        ("zoom", zoom("phone.caller_call_history_completed", direction="outbound",
                      caller_email="mia@example.com", callee_did_number="+64215550123")),
        ("zoom", zoom_ended("phone.caller_ended", caller={"user_id": "z-mia"},
                            callee={"phone_number": "+64215550123"})),
        ("3cx", threecx(CallType="Outbound")),
    ],
)  # fmt: skip
def test_outgoing_call_names_the_called_as_the_outside(kind: str, event: Any) -> None:
    call = one(kind, event)
    assert call.direction == "outbound"
    assert [number.replace(" ", "") for number in call.numbers] == ["+64215550123"]


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (
            "vxt",
            lambda number: vxt(otherParties=[{"type": "phoneNumber", "phoneNumberE164": number}]),
        ),
        ("aircall", lambda number: aircall(raw_digits=number)),
        ("twilio", lambda number: twilio(From=number)),
        ("dialpad", lambda number: dialpad(external_number=number, contact={})),
        ("zoom", lambda number: zoom(caller_did_number=number)),
        ("3cx", lambda number: threecx(Number=number)),
    ],
)
@pytest.mark.parametrize(
    "number",
    ["anonymous", "+266696687", "+17378742833", "Restricted", "", "00", "＋６４２１", "x" * 3000, "+64 (0)21 555-0123",
     "sip:ana@example.com", "\x00", "021\u202a555"],
)  # fmt: skip
def test_number_in_any_form_is_kept_as_it_came_and_loses_no_call(
    kind: str, make: Callable[[str], Any], number: str
) -> None:
    call = one(kind, make(number))
    assert call.is_answered
    assert all(0 < len(one) <= 64 and "\x00" not in one for one in call.numbers)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("vxt", vxt(id=12345)),
        ("aircall", aircall(id="12345")),
        ("aircall", aircall(id=12345.0)),
        ("dialpad", dialpad(call_id="12345", entry_point_call_id=None)),
        ("dialpad", dialpad(call_id=12345, entry_point_call_id=0)),
        ("zoom", zoom(call_id=12345)),
        ("standard", standard(id=12345)),
    ],
)
def test_id_is_the_same_as_a_number_and_as_text(kind: str, event: Any) -> None:
    assert one(kind, event).source_id == "12345"


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("vxt", vxt(result={"type": "answered"})),
        ("vxt", vxt(result={"type": "answered", "startTimestamp": "soon", "hangupTimestamp": 1e300})),
        ("aircall", aircall(started_at=None, answered_at=s(ANSWER), ended_at=None)),
        ("aircall", aircall(started_at=-1, ended_at=10**30)),
        ("aircall", aircall(started_at="yesterday", ended_at=s(END))),
        ("twilio", twilio(Timestamp="Thurs, 20 July 1989 23:59:60 GMT")),
        ("twilio", twilio(Timestamp="Mon, 99 Foo 99999 99:99:99")),
        ("twilio", twilio(Timestamp="")),
        ("dialpad", dialpad(date_started=None, date_rang=None, date_ended=None)),
        ("dialpad", dialpad(date_ended="0", event_timestamp=None)),
        ("zoom", zoom(start_time="not a date", end_time=None)),
        ("zoom", zoom(start_time="2026-13-45T99:99:99Z")),
        ("zoom", zoom_ended(ringing_start_time=17)),
        ("3cx", threecx(CallStartTimeUTC="[[CallStartTimeUTC].ToString(\"yyyy\")]", DateTime="")),
        ("3cx", threecx(CallEndTimeUTC="0001-01-01T00:00:00Z")),
    ],
)  # fmt: skip
def test_bad_or_missing_dates_lose_no_call(kind: str, event: Any) -> None:
    call = one(kind, event)
    assert call.is_answered
    assert dt.timedelta() <= call.ended_at - call.started_at <= dt.timedelta(days=1)
    [put_together] = together([call])
    assert 0 <= talk_seconds(put_together)[0] <= 86_400


# -- VXT ---------------------------------------------------------------------------------------------------------------


def test_vxt_version_2_names_one_party_of_ours_that_may_be_a_shared_line() -> None:
    log = {
        key: value for key, value in vxt()["callLog"].items() if key not in ("user", "phoneNumber")
    }
    party = {"type": "user", "uid": "u-1", "email": "mia@example.com"}
    call = one("vxt", {"event": "callLog", "callLog": {**log, "version": 2, "vxtParty": party}})
    assert (call.email, call.staff, call.is_line) == ("mia@example.com", ("user u-1",), False)
    shared = {"type": "sharedPhoneNumber", "phoneNumberE164": "+6495550100"}
    call = one("vxt", {"event": "callLog", "callLog": {**log, "version": 2, "vxtParty": shared}})
    assert (call.email, call.staff, call.is_line) == ("", ("line +6495550100",), True)
    assert call.numbers == ("+64215550123",)


def test_vxt_conference_names_everybody_outside_and_a_private_caller_nobody() -> None:
    others = [
        {"type": "phoneNumber", "phoneNumberE164": "+64215550123"},
        {"type": "user", "uid": "u-2", "email": "lee@example.com"},
        {"type": "phoneNumber", "phoneNumberE164": "+6495550101"},
    ]
    assert one("vxt", vxt(otherParties=others)).numbers == ("+64215550123", "+6495550101")
    hidden = one("vxt", vxt(otherParties=[{"type": "unknown"}]))
    assert (hidden.numbers, hidden.is_internal) == ((), False)


def test_vxt_call_log_is_linked_unless_it_is_no_address() -> None:
    assert one("vxt", vxt()).remarks == (Remark("link", "https://app.example.com/messages/vxt-1"),)
    assert one("vxt", vxt(url="javascript:alert(1)")).remarks == ()


# -- Aircall -----------------------------------------------------------------------------------------------------------


def test_aircall_talk_is_from_the_answer_and_not_the_duration_that_includes_ringing() -> None:
    assert talk_seconds(one("aircall", aircall(duration=999))) == (720, False)


def test_aircall_number_without_country_is_read_in_that_of_the_line() -> None:
    line = {"digits": "+61 2 5550 0100", "country": "AU"}
    assert one("aircall", aircall(raw_digits="0491 570 156", number=line)).numbers == (
        "+61491570156",
    )


def test_aircall_comments_and_tags_come_with_the_whole_call_later() -> None:
    comments = [{"id": 1, "content": "Wants a call back", "posted_by": {"name": "Sam Rivers"}}]
    told = one(
        "aircall", aircall("call.commented", comments=comments, tags=[{"id": 2, "name": "VIP"}])
    )
    assert told.remarks == (
        Remark("comment", "Wants a call back", "Sam Rivers", "1"),
        Remark("tag", "VIP", "", "2"),
        Remark("recording", "https://assets.example.com/calls/812354/recording"),
    )
    assert told.source_id == one("aircall", aircall()).source_id
    [both] = together([one("aircall", aircall()), told])
    assert (talk_seconds(both)[0], len(both.remarks)) == (720, 3)


# -- Twilio ------------------------------------------------------------------------------------------------------------


def test_twilio_child_leg_is_talk_from_its_answer_and_ends_at_its_timestamp() -> None:
    call = one("twilio", twilio())
    assert (call.ended_at, talk_seconds(call)) == (END, (720, False))
    assert (call.staff, call.is_line, call.email) == (("client mia",), False, "")


def test_twilio_parent_alone_includes_ringing_and_knows_only_the_line() -> None:
    parent = {key: value for key, value in twilio().items() if key != "ParentCallSid"}
    call = one("twilio", {**parent, "Direction": "inbound", "To": "+6495550100"})
    assert talk_seconds(call) == (720, True)
    assert (call.staff, call.is_line) == (("line +6495550100",), True)


def test_twilio_parent_and_child_are_one_call_of_the_person_who_spoke() -> None:
    parent = {key: value for key, value in twilio().items() if key != "ParentCallSid"}
    parent |= {"CallSid": twilio()["ParentCallSid"], "To": "+6495550100", "CallDuration": "750"}
    for order in ([twilio(), parent], [parent, twilio()]):
        [call] = together([one("twilio", event) for event in order])
        assert (call.staff, talk_seconds(call)) == (("client mia",), (720, False))


def test_twilio_callback_may_name_the_person_in_its_address_and_then_says_nothing_of_the_line() -> (
    None
):
    url = URL.format(kind="twilio") + "?email=mia%40example.com&outside=to"
    body = signed("twilio", twilio(From="+6495550100", To="+64215550123")).body
    [call] = KINDS["twilio"].read(Delivery({}, body, url, NOW))
    assert isinstance(call, EndedCall)
    assert (call.staff, call.is_line) == ((), False)
    assert (call.email, call.direction, call.numbers) == (
        "mia@example.com",
        "outbound",
        ("+64215550123",),
    )


# -- Dialpad -----------------------------------------------------------------------------------------------------------


def test_dialpad_legs_of_a_queue_are_one_call_of_the_user_who_was_connected() -> None:
    lee = {"id": 5002, "type": "user", "name": "Lee", "email": "lee@example.com"}
    legs = [
        dialpad(call_id=1, target={"type": "callcenter", "id": 9}),
        dialpad(call_id=2, target=lee, date_connected=None, duration=0),
        dialpad(call_id=3),
    ]
    parts = together([told for leg in legs for told in read("dialpad", leg)])
    assert {(part.email, part.is_answered) for part in parts} == {
        ("mia@example.com", True),
        ("lee@example.com", False),
    }


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({"state": "transcription", "transcription_text": "Hello"}, Remark("transcript", "Hello", "", "transcript")),
        ({"state": "recap_summary", "recap_summary": "GST"}, Remark("summary", "GST", "", "recap")),
        ({"state": "recap_summary", "recap_summary": {"summary": "GST"}}, Remark("summary", "GST", "", "recap")),
        ({"state": "dispositions", "dispositions": [{"name": "Sale"}]}, Remark("tag", "Sale")),
        ({"state": "recording", "recording_details": [{"id": 7, "url": "https://example.com/r"}]},
         Remark("recording", "https://example.com/r", "", "7")),
    ],
)  # fmt: skip
def test_dialpad_tells_later_what_was_made_of_a_call(
    changes: dict[str, Any], remark: Remark
) -> None:
    assert one("dialpad", dialpad(**changes)).remarks == (remark,)
    department = dialpad(**changes, target={"type": "department"})
    assert read("dialpad", department) == [Late("4876543210123456", (remark,))]


# -- RingCentral -------------------------------------------------------------------------------------------------------


def test_ringcentral_session_over_a_menu_is_one_talk_of_one_person_less_its_hold() -> None:
    steps = [told for event in session() for told in read("ringcentral", event)]
    assert all(isinstance(step, Step) for step in steps)
    parts = {part.staff[0]: part for part in together(steps)}
    mia = parts["extension id 62262"]
    assert (mia.is_answered, mia.numbers, mia.staff_name) == (True, ("+64215550123",), "Mia Chen")
    assert (talk_seconds(mia), mia.ended_at) == ((712, False), seconds_in(732))
    # The menu was answered too; that it is nobody stands in the table of people.
    assert set(parts) == {"extension id 62262", "extension id 900"}


def test_ringcentral_call_between_extensions_is_internal() -> None:
    caller = {"phoneNumber": "11101", "extensionId": "1"}
    told = {**party("p-3", "Answered"), "from": caller}
    [step] = read("ringcentral", ringcentral(3, START, told))
    assert isinstance(step, Step)
    assert step.is_internal


# -- Zoom Phone --------------------------------------------------------------------------------------------------------


def test_zoom_end_and_history_are_one_part_with_the_talk_of_the_history() -> None:
    ended, history = one("zoom", zoom_ended()), one("zoom", zoom())
    assert (ended.email, ended.staff) == ("", ("user z-mia", "extension 1001"))
    for order in ([ended, history], [history, ended]):
        [part] = together(order)
        assert (part.email, talk_seconds(part)) == ("mia@example.com", (700, False))


def test_zoom_elements_are_read_as_the_history_is() -> None:
    call = one("zoom", zoom("phone.callee_call_element_completed", call_element_id="e-1"))
    assert (call.email, call.leg, talk_seconds(call)) == ("mia@example.com", "e-1", (700, False))


def test_zoom_queue_of_four_missing_one_call_is_four_parts_of_one_call() -> None:
    missed = [
        one(
            "zoom",
            zoom_ended("phone.callee_missed", callee={"user_id": f"z-{n}", "extension_number": n}),
        )
        for n in range(4)
    ]
    assert {part.source_id for part in missed} == {"7000000000000000001"}
    parts = together([*missed, one("zoom", zoom())])
    assert [part.email for part in parts if part.is_answered] == ["mia@example.com"]


def test_zoom_caller_who_hides_has_no_number() -> None:
    assert one("zoom", zoom(hide_caller_id=True)).numbers == ()


# -- 3CX ---------------------------------------------------------------------------------------------------------------


def test_3cx_report_has_an_identity_made_of_what_does_not_change() -> None:
    first = one("3cx", threecx())
    assert one("3cx", threecx(Summary="GST", Name="Ana")).source_id == first.source_id
    others = [threecx(Agent="104"), threecx(Number="+6495550101"), threecx(CallType="Outbound"),
              threecx(CallStartTimeUTC="2026-11-23T01:05:01Z")]  # fmt: skip
    assert len({one("3cx", event).source_id for event in others} | {first.source_id}) == 5


def test_3cx_variables_that_were_not_filled_are_nothing() -> None:
    assert one("3cx", threecx()).remarks == ()
    assert one("3cx", threecx(Summary="GST [draft]")).remarks == (
        Remark("summary", "GST [draft]", "", "summary"),
    )


def test_3cx_without_the_time_of_the_answer_includes_ringing() -> None:
    call = one("3cx", threecx(CallEstablishedTimeUTC="[[CallEstablishedTimeUTC]]"))
    assert talk_seconds(call) == (728, True)


# -- our own -----------------------------------------------------------------------------------------------------------


def test_own_event_may_name_its_person_by_the_phone_systems_id_and_tell_more_later() -> None:
    event = standard(staff_id=103, staff_name="Mia Chen", talk_seconds=700)
    del event["data"]["user_email"]
    call = one("standard", event)
    assert (call.email, call.staff, talk_seconds(call)) == ("", ("user 103",), (700, False))
    later = {
        "type": "call.updated",
        "data": {"id": "c-1", "comment": "Call back", "comment_by": "Sam"},
    }
    assert read("standard", later) == [Late("c-1", (Remark("comment", "Call back", "Sam"),))]


# -- an attended transfer over two sessions ---------------------------------------------------------------------------


def _told_of_transfer() -> list[Told]:
    """Mia talks 100 s with the outside, asks Ben in a session of its own, and hands the caller over at 160 s."""
    mia, ben = (
        {"extensionId": one, "phoneNumber": number}
        for one, number in (("62262", "101"), ("62263", "102"))
    )
    to_ben = {"id": "b-1", "direction": "Outbound", "extensionId": "62262", "from": mia, "to": ben}
    of_mia = {"id": "b-2", "direction": "Inbound", "extensionId": "62263", "from": mia, "to": ben}

    def state(code: str, **more: Any) -> dict[str, Any]:
        return {"status": {"code": code, **more}}

    peer = {"telephonySessionId": "s-2", "sessionId": "2", "partyId": "b-2"}
    second = partial(ringcentral, session="s-2")
    events = [
        ringcentral(1, seconds_in(0), party("p-1", "Answered"), party("p-3", "Answered")),
        ringcentral(2, seconds_in(100), party("p-3", "Hold")),
        second(1, seconds_in(100), to_ben | state("Proceeding"), of_mia | state("Proceeding")),
        second(2, seconds_in(110), to_ben | state("Answered"), of_mia | state("Answered")),
        ringcentral(3, seconds_in(160), party("p-1", "Gone") | state("Gone", peerId=peer)),
        ringcentral(4, seconds_in(160), party("p-3", "Disconnected")),
        second(3, seconds_in(161), to_ben | state("Disconnected", reason="AttendedTransfer")),
        second(4, seconds_in(760), of_mia | state("Disconnected")),
    ]  # fmt: skip
    return [told for event in events for told in read("ringcentral", event)]


@pytest.mark.parametrize("turned", [False, True])
def test_attended_transfer_over_two_sessions_is_a_call_of_each_who_talked(*, turned: bool) -> None:
    told = _told_of_transfer()
    if turned:
        told.reverse()
    by_session = {
        source: together([one for one in told if one.source_id == source])
        for source in ("s-1", "s-2")
    }
    (mia,) = by_session["s-1"]
    assert (mia.numbers, mia.is_internal, talk_seconds(mia)) == (
        ("+64215550123",),
        False,
        (100, False),
    )
    asked, ben = sorted(by_session["s-2"], key=lambda one: one.staff)
    # What she asked Ben is between colleagues; he talked with the caller for ten minutes after that.
    assert asked.is_internal
    assert (ben.is_internal, ben.numbers, ben.caller_name) == (
        False,
        ("+64215550123",),
        "Ana Example",
    )
    assert (ben.started_at, talk_seconds(ben)) == (seconds_in(160), (600, False))


def test_a_caller_who_is_gone_to_nowhere_or_to_the_same_session_joins_none() -> None:
    peers: tuple[Any, ...] = (
        {}, {"telephonySessionId": "s-1"}, "s-2", None, {"telephonySessionId": []},
    )  # fmt: skip
    for peer in peers:
        gone = party("p-1", "Gone") | {"status": {"code": "Gone", "peerId": peer}}
        told = read("ringcentral", ringcentral(1, seconds_in(0), gone))
        assert [one.source_id for one in told] == ["s-1"]
