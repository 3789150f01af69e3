"""Lifelike clients, staff and jobs beyond the fixed ones; the same seed grows the same practice.

Numbers come from ranges set aside for drama (ACMA, Ofcom) or from 555, names from plants and trades.
"""

from datetime import UTC, date, datetime, timedelta
from random import Random

from sandbox.practice.records import Client, Contact, ContactLink, Job, Staff, new_uuid
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.tenant import Practice

TASK_NAMES = (
    "Advisory",
    "Annual accounts",
    "Bookkeeping",
    "Client queries",
    "GST return",
    "Individual tax",
    "Payroll",
    "Planning",
    "Review",
    "Tax return",
)


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


PLANTS = split_words(
    """
    Kowhai Rimu Nikau Manuka Kauri Totara Tawa Miro Karaka Puriri Ngaio Rata Kanuka
    Mamaku Titoki Horoeka Wattle Banksia Grevillea Waratah Jarrah Marri Mulga Acacia
    Hakea Alder Hazel Rowan Willow Juniper Heather Bramble Sorrel Yarrow Clover
    """
)
TRADES = split_words(
    """
    Plumbing Joinery Electrical Motors Bakery Nurseries Orchards Dairy Freight Storage
    Design Cleaning Roofing Painting Fencing Pottery Holdings Properties Ventures
    Fisheries Printing Fitness Catering Textiles Machinery
    """
)
SUFFIXES = ("Ltd", "Limited", "Trust", "Partnership", "Pty Ltd", "& Sons", "Co", "")
FIRST_NAMES = split_words(
    """
    Alex Bea Cal Dee Eli Fay Gus Hana Ian Jade Kit Lou Max Nell Ola Pia Quin Rae Sol
    Tess Uma Vic Wyn Yui Zoe Aroha Wiremu Mere Tane
    """
)
FAMILY_NAMES = ("Example", "Sample", "Testa", "Placeholder", "Specimen", "Muster", "Demo")
POSITIONS = ("Director", "Owner", "Accounts", "Trustee", "Office", "")
JOB_NAMES = (
    "Tax return {year}",
    "Annual accounts {year}",
    "GST return {months} {year}",
    "Bookkeeping {year}",
    "Payroll {months} {year}",
    "Advisory {year}",
    "Trust accounts {year}",
)
MONTHS = ("Jan–Feb", "Mar–Apr", "May–Jun", "Jul–Aug", "Sep–Oct", "Nov–Dec")
OPEN_STATES = ("Planned", "In Progress", "In Progress", "On Hold", "Ready for Review")
# https://www.acma.gov.au/phone-numbers-use-tv-shows-films-and-creative-works
DRAMA_MOBILES = tuple(
    "+61 491 " + rest.replace("-", " ")
    for rest in split_words(
        """
    570-006 570-157 570-158 570-159 570-110 570-313 570-737 571-266 571-491 571-804
    572-549 572-665 572-983 573-770 573-087 574-118 574-632 575-254 575-789 576-398
    576-801 577-426 577-644 578-957 578-148 578-888 579-212 579-760 579-455
        """
    )
)
MOST_OPEN_JOBS = 3000
FIRST_GROWN_JOB = 200
FIRST_GROWN_CLIENT = 2000


def grow(practice: Practice, settings: PracticeSettings) -> None:
    """Add staff, clients and jobs up to the counts in the settings."""
    chance = Random(f"{settings.seed}:{practice.tenant_id}:grow")
    fixed_staff = tuple(practice.staff)
    for index in range(settings.extra_staff):
        first = chance.choice(FIRST_NAMES)
        staff = Staff(
            uuid=new_uuid(chance),
            name=f"{first} {chance.choice(FAMILY_NAMES)} {index + 1}",
            email=f"{first.lower()}.{index + 1}@example.com",
            mobile=chance.choice(DRAMA_MOBILES),
            number=400 + index,
        )
        practice.staff[staff.uuid] = staff
    for index in range(settings.clients - len(practice.clients)):
        practice.add_client(_client(index, chance))
    _grow_jobs(practice, settings, chance, fixed_staff)


def landline(index: int) -> tuple[str, str]:
    """Return the number of the client at `index` and its country; no two below 65,000 are alike.

    A practice of New Zealand writes numbers of Australia with their country code.
    """
    turn, place = index % 5, index // 5
    if turn == 4:
        # NZ has no drama range: 555 with a rest that the fixed clients do not use.
        return f"0{(3, 4, 6, 7)[place % 4]} 555 {2000 + place // 4 % 8000:04}", "New Zealand"
    area = ("02", "03", "07", "08")[turn]
    half = "5550" if place < 10_000 else "7010"
    digits = f"{place % 10_000:04}"
    written = (
        f"+61 ({area[1]}) {half} {digits}",
        f"+61{area[1]}{half}{digits}",
        f"+61 {area[1]} {half} {digits}",
    )
    return written[place % 3], "Australia"


def _client(index: int, chance: Random) -> Client:
    stem = f"{PLANTS[index % len(PLANTS)]} {TRADES[index // len(PLANTS) % len(TRADES)]}"
    again = index // (len(PLANTS) * len(TRADES))
    name = " ".join(
        part for part in (stem, str(again + 1) if again else "", chance.choice(SUFFIXES)) if part
    )
    phone, country = landline(index)
    word = stem.split()[0].lower()
    links = [
        ContactLink(_contact(chance), chance.choice(POSITIONS), is_primary=place == 0)
        for place in range(chance.choice((0, 1, 1, 1, 2, 2, 3)))
    ]
    return Client(
        uuid=new_uuid(chance),
        number=FIRST_GROWN_CLIENT + index,
        name=name + (" " if index % 17 == 0 else ""),
        phone=phone if chance.random() < 0.85 else "",
        country=country,
        modified=datetime(2025, 7, 1, tzinfo=UTC) + timedelta(minutes=index),
        email=f"{word}{index}@example.com" if chance.random() < 0.7 else "",
        links=links,
        is_archived=chance.random() < 0.04,
        is_deleted=chance.random() < 0.01,
    )


def _contact(chance: Random) -> Contact:
    first = chance.choice(FIRST_NAMES)
    mobile = chance.choice(
        (f"07700 900{chance.randrange(1000):03}", chance.choice(DRAMA_MOBILES), "")
    )
    return Contact(
        uuid=new_uuid(chance),
        name=f"{first} {chance.choice(FAMILY_NAMES)}",
        mobile=mobile,
        email=f"{first.lower()}@example.com" if chance.random() < 0.6 else "",
    )


def _grow_jobs(
    practice: Practice, settings: PracticeSettings, chance: Random, staff: tuple[str, ...]
) -> None:
    # The fixed clients keep exactly the jobs that tests rely on.
    owners = [
        client
        for client in practice.clients.values()
        if client.is_active and client.number >= FIRST_GROWN_CLIENT
    ]
    if not owners:
        return
    share_open = min(0.6, MOST_OPEN_JOBS / max(1, settings.jobs))
    teams = [tuple(chance.sample(staff, k=chance.randint(1, 3))) for _ in range(60)]
    start = date(2026, 10, 31)
    for index in range(settings.jobs - len(practice.jobs)):
        is_open = chance.random() < share_open
        state = chance.choice(OPEN_STATES if is_open else ("Completed", "Completed", "Cancelled"))
        created = start - timedelta(days=chance.randrange(300 if is_open else 2500))
        team = chance.choice(teams)
        name = chance.choice(JOB_NAMES).format(year=created.year, months=chance.choice(MONTHS))
        practice.add_job(
            Job(
                number=f"J{FIRST_GROWN_JOB + index:06}",
                uuid=new_uuid(chance),
                name=name,
                client=chance.choice(owners),
                state=state,
                created=created,
                due=created + timedelta(days=90),
                assigned=team,
                manager=team[0],
                kind="Compliance",
                completed=created + timedelta(days=60) if state == "Completed" else None,
            )
        )
