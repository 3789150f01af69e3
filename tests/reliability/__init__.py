"""The promise, proved: one entry becomes one time in XPM, whatever breaks and whenever.

Here stand the tests that break things on purpose: a state machine that thinks of histories, processes that are killed,
and thousands of calls with every tenth one disturbed.
"""
