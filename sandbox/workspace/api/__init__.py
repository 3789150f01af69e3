"""The Web API: `/api/<method>` with tokens, scopes, rate limits, ordered faults and a log.

Knows the live workspace; knows nothing of the page behind `/client`.
"""
