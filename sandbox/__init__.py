"""A practice, a Slack workspace and a telephone to try the app with no account.

Stands outside the app: it imports nothing of it, starts it as a program of its own and speaks the vendors' protocols.
"""
