"""The project's memory: tables, queries and `transaction()`.

The only place that speaks SQL. Every query takes the workspace, so that two workspaces in one database never see a
row of each other. It must not know Slack, HTTP or what an entry's rules are.
"""

from xpm.store.database import Database, Transaction
from xpm.store.questions import Asking

__all__ = ["Asking", "Database", "Transaction"]
