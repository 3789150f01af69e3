"""The fixed points that tests and the demo rely on; `grow` adds the lifelike rest."""

from datetime import UTC, date, datetime
from random import Random

from sandbox.practice.grow import TASK_NAMES, grow
from sandbox.practice.people import Person
from sandbox.practice.records import (
    Client,
    Contact,
    ContactLink,
    Job,
    JobNote,
    JobTask,
    Staff,
    new_uuid,
)
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.tenant import Practice

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"
LONG_AGO = datetime(2025, 7, 1, 3, 0, tzinfo=UTC)


def people() -> dict[str, Person]:
    """Return who can sign in, by e-mail address; the first one is signed in by default."""
    known = (
        Person(
            "aaaaaaaa-0001-4000-8000-000000000001", "Sam", "Rivers", "sam@example.com", (KEA, TUI)
        ),
        Person("aaaaaaaa-0002-4000-8000-000000000002", "Mia", "Chen", "mia@example.com", (KEA,)),
        Person("aaaaaaaa-0003-4000-8000-000000000003", "Tom", "Patel", "tom@example.com", ()),
    )
    return {person.email: person for person in known}


def practices(settings: PracticeSettings) -> dict[str, Practice]:
    """Return the two practices by tenant id."""
    kea = _empty(KEA, "Kea Accounting", settings)
    _kea_staff(kea)
    _kea_clients(kea)
    _kea_jobs(kea)
    grow(kea, settings)
    return {KEA: kea, TUI: _tui(settings)}


def _empty(tenant_id: str, name: str, settings: PracticeSettings) -> Practice:
    chance = Random(f"{settings.seed}:{tenant_id}")
    practice = Practice(
        tenant_id, name, "New Zealand", chance, LONG_AGO, settings_seed=settings.seed
    )
    for task in TASK_NAMES:
        practice.definition(task)
    return practice


def _add_staff(practice: Practice, *rows: tuple[str, str, str]) -> None:
    for index, (name, email, mobile) in enumerate(rows, 1):
        staff = Staff(
            uuid=new_uuid(practice.chance),
            name=name,
            email=email,
            mobile=mobile,
            phone="(09) 555 0199" if index % 2 else "",
            payroll_code=f"P{index:03}" if index % 3 else "",
            number=200 + index,
        )
        practice.staff[staff.uuid] = staff


def _kea_staff(kea: Practice) -> None:
    _add_staff(
        kea,
        ("Sam Rivers", "sam@example.com", "021 555 0001"),
        ("Mia Chen", "mia@example.com", "021 555 0002"),
        ("Tom Patel", "tom@example.com", "+64 21 555 0003"),
        ("Lee Long ", "Lee@Example.com", "021-555-0004"),
        ("Ruby Field", "ruby@example.com", "(021) 555 0005"),
        ("Noa Hill", "", "021 555 0006"),
        ("Finn Stone", "office@example.com", "021 555 0007"),
        ("Jo Park", "office@example.com", "021 555 0008"),
    )


def _client(practice: Practice, name: str, phone: str, *links: ContactLink, **more: str) -> Client:
    client = Client(
        uuid=new_uuid(practice.chance),
        number=1000 + len(practice.clients),
        name=name,
        phone=phone,
        country=more.get("country", "New Zealand"),
        modified=LONG_AGO,
        email=more.get("email", ""),
        city=more.get("city", ""),
        links=list(links),
        group=more.get("group", ""),
        note=more.get("note", ""),
    )
    return practice.add_client(client)


def _contact(practice: Practice, name: str, mobile: str = "", phone: str = "") -> Contact:
    first = name.split()[0].lower()
    return Contact(new_uuid(practice.chance), name, mobile, phone, f"{first}@example.com")


def _kea_clients(kea: Practice) -> None:
    ana = _contact(kea, "Ana Example", "021 555 0123")
    ben = _contact(kea, "Ben Example", phone="09 555 0101 ext 12")
    _client(
        kea,
        "Kea Ltd",
        "(09) 555 0100",
        ContactLink(ana, "Director", is_primary=True),
        ContactLink(ben, "Accounts"),
        city="Auckland",
        email="office@example.com",
        group="Example family",
        note="Prefers a call.\r\nSecond line: <GST> & PAYE.",
    )
    _client(kea, "Huia Trust", "", ContactLink(ana, "Trustee"), group="Example family")
    _client(
        kea,
        "Weka Builders Pty",
        "+61 2 5550 1234",
        ContactLink(_contact(kea, "Cara Sample", "0491 570 156"), "Office", is_primary=True),
        country="Australia",
        city="Sydney",
    )
    _client(
        kea,
        "Moa Farms",
        "09 555 0177",
        ContactLink(_contact(kea, "Dan Sample "), "Owner", is_primary=True),
    )
    _client(kea, "Rata Cafe", "09 555 0150 / 021 555 0151", city="Hamilton")
    _client(kea, "Totara Imports (UK)", "020 7946 0958", country="United Kingdom", city="London")
    _client(kea, "Pukeko Print (closed)", "09 555 0180").is_archived = True
    _client(kea, "Takahe Tours (entered twice)", "09 555 0181").is_deleted = True


def _tasks(kea: Practice, *names: str) -> list[JobTask]:
    return [
        JobTask(new_uuid(kea.chance), kea.definition(name), name, estimated_minutes=120)
        for name in names
    ]


def _job(
    practice: Practice, number: str, name: str, client: str, state: str, staff: str, *tasks: JobTask
) -> Job:
    owner = practice.client_named(client)
    assert owner is not None  # noqa: S101 - the client stands a few lines above
    by_first_name = {s.name.split()[0]: s.uuid for s in practice.staff.values()}
    assigned = tuple(by_first_name[first] for first in staff.split())
    return practice.add_job(
        Job(
            number=number,
            uuid=new_uuid(practice.chance),
            name=name,
            client=owner,
            state=state,
            created=date(2026, 4, 1),
            due=date(2027, 3, 31),
            assigned=assigned,
            manager=assigned[0] if assigned else "",
            kind="Compliance",
            completed=date(2026, 9, 30) if state == "Completed" else None,
            tasks=list(tasks),
        )
    )


def _kea_jobs(kea: Practice) -> None:
    tax_tasks = _tasks(kea, "Individual tax", "Review", "Client queries", "Planning")
    tax_tasks[3].is_completed = True
    tax = _job(kea, "J000123", "Tax return 2026", "Kea Ltd", "In Progress", "Sam Mia", *tax_tasks)
    tax.description = (
        "Individual and company return.\r\nDue with extension: 31 March <2027> & paid."
    )
    tax.notes = [
        JobNote(
            new_uuid(kea.chance),
            "Records",
            "Bank statements asked for.\r\nSecond request 1 May.",
            date(2026, 5, 1),
            "Mia Chen",
        )
    ]
    gst = _tasks(kea, "GST return", "Client queries")
    _job(kea, "J000124", "GST return May–Jun", "Kea Ltd", "Planned", "Mia", *gst)
    trust = _tasks(kea, "Annual accounts", "Client queries")
    _job(kea, "J000125", "Trust accounts 2026", "Huia Trust", "In Progress", "Mia Sam", *trust)
    bas = _tasks(kea, "GST return", "Client queries")
    _job(kea, "J000126", "BAS Jul–Sep", "Weka Builders Pty", "In Progress", "Mia Lee", *bas)
    payroll = _tasks(kea, "Payroll", "Client queries")
    _job(kea, "J000127", "Payroll review", "Rata Cafe", "On Hold", "Sam Mia", *payroll)
    vat = _tasks(kea, "GST return")
    _job(kea, "J000128", "VAT return", "Totara Imports (UK)", "Planned", "Sam Mia Ruby", *vat)
    # The same definition twice: only the instance's UUID tells the two apart.
    twice = _tasks(kea, "Bookkeeping", "Bookkeeping")
    twice[0].name, twice[1].name = "Bookkeeping – bank", "Bookkeeping – till"
    _job(kea, "J000129", "Bookkeeping 2026", "Rata Cafe", "In Progress", "Sam Mia", *twice)
    accounts = _tasks(kea, "Annual accounts", "Review")
    _job(kea, "J000130", "Annual accounts 2025", "Kea Ltd", "Completed", "Sam Mia", *accounts)
    advice = _tasks(kea, "Advisory")
    _job(kea, "J000131", "Restructure", "Kea Ltd", "Cancelled", "Sam Mia", *advice)
    retainer = _tasks(kea, "Advisory", "Client queries")
    _job(kea, "J000132", "Advisory retainer", "Kea Ltd", "In Progress", "Sam", *retainer)
    # A task with staff of its own: Mia is on the job, yet only Lee may log to "Review".
    shared = _tasks(kea, "Bookkeeping", "Review")
    lee = next(s.uuid for s in kea.staff.values() if s.name.startswith("Lee"))
    shared[1].assigned = (lee,)
    _job(kea, "J000133", "Site ledgers", "Weka Builders Pty", "In Progress", "Mia Lee", *shared)
    farm = _tasks(kea, "Annual accounts")
    _job(kea, "J000140", "Farm accounts 2025", "Moa Farms", "Completed", "Sam Mia", *farm)


def _tui(settings: PracticeSettings) -> Practice:
    tui = _empty(TUI, "Tui Advisory", settings)
    _add_staff(
        tui,
        ("Sam Rivers", "sam@example.com", "021 555 0001"),
        ("Ivy Marsh", "ivy@example.com", "021 555 0009"),
    )
    _client(
        tui,
        "Rimu Nurseries",
        "09 555 0190",
        ContactLink(_contact(tui, "Eve Sample", "021 555 0191"), "Owner", is_primary=True),
    )
    _client(tui, "Kowhai Crafts", "09 555 0192")
    _client(tui, "Nikau Holdings", "")
    _job(
        tui,
        "J000900",
        "Advisory plan",
        "Rimu Nurseries",
        "In Progress",
        "Sam Ivy",
        *_tasks(tui, "Advisory", "Client queries"),
    )
    return tui
