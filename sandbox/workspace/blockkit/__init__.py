"""Block Kit as Slack judges it: which blocks are refused, and what a person's inputs hold.

Knows values only: no teams, no HTTP.
"""
