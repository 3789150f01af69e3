"""The edge: Slack, the browser, phone systems.

It translates in, calls one service of the practice, and says what happened. It must not know a rule of an entry, SQL,
or the Practice Manager client. The map of what Slack sends to what answers it is `handlers.listeners`.
"""
