"""How a Web API method says no."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """An answer `{"ok": false, "error": code, …}`; `status` is 200 but for rate limits."""

    def __init__(
        self,
        code: str,
        *,
        messages: list[str] | None = None,
        status: int = 200,
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.status = status
        self.retry_after = retry_after
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
        return body


def rate_limited(seconds: int) -> SlackError:
    """The answer to too many calls: 429 with Retry-After."""
    return SlackError("ratelimited", status=429, retry_after=seconds)
