"""/metrics: who may read it, and that its figures are what happened."""

import re

import httpx

from sandbox.visitor import Visitor
from tests.handlers.inside import (
    METRICS_TOKEN,
    Inside,
    chosen,
    says_beside,
    shows,
    task_of,
)


async def _read(inside: Inside, token: str | None = METRICS_TOKEN) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"{inside.app}/metrics", headers=headers)


async def _figures(inside: Inside) -> dict[str, float]:
    answer = await _read(inside)
    assert answer.status_code == 200
    lines = re.findall(r"^(xpm_slack_\S+) (\S+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


async def test_only_who_has_the_token_may_read(kea: Inside) -> None:
    for token in (None, "x", "a metrics token for test", METRICS_TOKEN + "s"):
        answer = await _read(kea, token)
        assert (answer.status_code, answer.text) == (401, "")
    assert (await _read(kea)).headers["content-type"].startswith("text/plain")


async def test_a_refused_time_and_a_saved_one_are_counted(kea: Inside, mia: Visitor) -> None:
    before = await _figures(kea)
    assert before['xpm_slack_connections{state="live"}'] == 1
    assert before['xpm_slack_entries{state="refused"}'] == 0
    assert 0 < before["xpm_slack_oldest_sync_seconds"] < 600
    message = await chosen(mia, await kea.offered(mia))
    await kea.practice_does("jobs/J000123/state", state="Completed")
    fields = {"task": task_of(message), "minutes": "7", "note": "counted"}
    await mia.press(message, "Save time", fields=fields)
    await says_beside(mia, message["ts"], "Not saved")
    message = await shows(mia, message, "Not saved")
    refused = await _figures(kea)
    assert refused['xpm_slack_entries{state="refused"}'] == 1
    rejected = 'xpm_slack_xpm_calls_total{result="rejected"}'
    assert refused[rejected] == before.get(rejected, 0) + 1
    await kea.practice_does("jobs/J000123/state", state="In Progress")
    await mia.press(message, "Save time", fields=fields)
    await shows(mia, message, "7 min on J000123", "Undo")
    after = await _figures(kea)
    assert after['xpm_slack_entries{state="refused"}'] == 0
    ok = 'xpm_slack_xpm_calls_total{result="ok"}'
    assert after[ok] > before[ok]
    assert after['xpm_slack_ack_seconds_count{door="calls"}'] >= 1
    clicks = 'xpm_slack_answers_total{door="slack",status="200"}'
    assert after[clicks] >= before[clicks] + 3
    assert after['xpm_slack_ack_seconds_bucket{door="slack",le="+Inf"}'] > 0


async def test_a_forged_request_is_counted_by_its_status_and_no_path_is_named(kea: Inside) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{kea.app}/slack/events", content=b"x")
        await client.get(f"{kea.app}/what-somebody-made-up")
    text = (await _read(kea)).text
    assert 'xpm_slack_answers_total{door="slack",status="401"}' in text
    assert 'xpm_slack_answers_total{door="other",status="404"}' in text
    assert "made-up" not in text


async def test_deliveries_of_phone_systems_are_counted_by_kind_result_and_reason(
    kea: Inside,
) -> None:
    def series(result: str, reason: str = "", kind: str = "standard") -> str:
        labels = f'kind="{kind}",reason="{reason}",result="{result}"'
        return f"xpm_slack_phone_deliveries_total{{{labels}}}"

    async def figure(name: str) -> float:
        text = (await _read(kea)).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = [
        series("taken"),
        series("refused", "bad_signature"),
        series("refused", "unknown_address", "other"),
        series("ignored"),
    ]
    before = [await figure(name) for name in names]
    call = {"user_email": "mia@example.com", "external_number": "+64215550123"}
    assert (await kea.call())["status"] == 202
    assert await kea.raw_call(call=call, timestamp_offset=-3600) == [401]
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{kea.app}/calls/made-up-by-somebody/x", content=b"{}")
    assert await kea.raw_call(body='{"type": "call.began"}') == [202]
    assert [await figure(name) for name in names] == [count + 1 for count in before]
    assert "made-up-by-somebody" not in (await _read(kea)).text
