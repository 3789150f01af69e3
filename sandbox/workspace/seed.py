"""The two teams everybody starts with; all people and addresses are invented."""

from __future__ import annotations

from sandbox.workspace.model import Channel, Organisation, Person, Team


def seed_teams() -> dict[str, Team]:
    """Kea Accounting and Tui Advisory, by team id, with nothing installed and nothing said."""
    kea = [
        Person(
            "U0SAM", "T0KEA", "Sam Rivers", "sam", "sam@example.com", is_owner=True, is_admin=True
        ),
        Person("U0MIA", "T0KEA", "Mia Chen", "mia", "mia@example.com"),
        Person("U0TOM", "T0KEA", "Tom Patel", "tom", "tom@example.com"),
        Person("U0LEE", "T0KEA", "Lee Long", "lee", "lee@example.com"),
        Person("U0NINA", "T0KEA", "Nina Vale", "nina", "nina@example.com"),
        Person("U0GUS", "T0KEA", "Gus Guest", "gus", "gus@example.com", is_guest=True),
        Person("U0LEFT", "T0KEA", "Olga Left", "olga", "olga@example.com", is_deleted=True),
    ]
    tui = [
        Person("U0TIA", "T0TUI", "Tia Hill", "tia", "tia@tui.example.com", is_admin=True),
        Person("U0TED", "T0TUI", "Ted Moss", "ted", "ted@tui.example.com"),
    ]
    return {
        "T0KEA": _team("T0KEA", "Kea Accounting", "kea-accounting", kea, "C0GENERAL"),
        "T0TUI": _team("T0TUI", "Tui Advisory", "tui-advisory", tui, "C1GENERAL"),
    }


def seed_organisation() -> tuple[Organisation, dict[str, Team]]:
    """The Rata Group with its two teams; nobody of one is in the other."""
    north = [
        Person("W0RUBY", "T0RATA", "Ruby Moss", "ruby", "ruby@rata.example.com", is_admin=True),
        Person("W0RON", "T0RATA", "Ron Reed", "ron", "ron@rata.example.com"),
    ]
    south = [
        Person("W0SIA", "T0RIMU", "Sia Wood", "sia", "sia@rimu.example.com", is_admin=True),
        Person("W0SOL", "T0RIMU", "Sol Webb", "sol", "sol@rimu.example.com"),
    ]
    teams = {
        "T0RATA": _team("T0RATA", "Rata North", "rata-north", north, "C2GENERAL"),
        "T0RIMU": _team("T0RIMU", "Rimu South", "rimu-south", south, "C3GENERAL"),
    }
    for team in teams.values():
        team.enterprise_id = "E0RATA"
    return Organisation("E0RATA", "Rata Group", tuple(teams)), teams


def _team(team_id: str, name: str, domain: str, people: list[Person], general: str) -> Team:
    members = {person.id for person in people if not person.is_deleted}
    channel = Channel(general, team_id, "channel", "general", members)
    return Team(team_id, name, domain, {one.id: one for one in people}, {general: channel})
