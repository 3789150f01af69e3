"""A pretend Xero: identity and Practice Manager 3.1 on one origin, with a door for tests.

It owns what a vendor would own (people, consent, tokens, practices, limits, faults) and keeps it in
memory. It must not know the app it is used to try: it imports nothing of bot, handlers or xpm.
"""

from sandbox.practice.app import PracticeApp, create_practice
from sandbox.practice.serving import ServedPractice, served_practice
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.state import PretendXero

__all__ = [
    "PracticeApp",
    "PracticeSettings",
    "PretendXero",
    "ServedPractice",
    "create_practice",
    "served_practice",
]
