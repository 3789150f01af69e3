"""What XPM told of clients, as rows: pure."""

from xpm.api import Client, Contact
from xpm.mirror_rows import Numbers, add_client
from xpm.store.copying import ClientRow, ClientRows, ContactRow, LinkRow, NumberRow

OF = ("T1", "s1")


def contact(uuid: str, *, mobile: str | None = None, is_deleted: bool = False) -> Contact:
    return Contact(uuid, "Ana Example", None, mobile, None, "Director", True, is_deleted)


def client(uuid: str, *contacts: Contact, phone: str | None = None) -> Client:
    return Client(uuid, f"Client {uuid}", phone, None, False, False, contacts)


def rows_of(*clients: Client) -> ClientRows:
    rows, numbers = ClientRows(), Numbers("NZ")
    for one in clients:
        add_client(rows, *OF, one, f"print of {one.uuid}", numbers.of)
    return rows


def test_a_client_brings_its_contacts_the_links_and_the_numbers_of_both() -> None:
    rows = rows_of(client("c1", contact("p1", mobile="021 555 0123"), phone="09 555 0150"))
    assert rows.clients == [ClientRow(*OF, "c1", "Client c1", False, "print of c1")]
    assert rows.contacts == {"p1": ContactRow(*OF, "p1", "Ana Example", None)}
    assert rows.links == [LinkRow(*OF, "c1", "p1", "Director", True)]
    assert rows.numbers == [
        NumberRow(*OF, "c1", "", "+6495550150"),
        NumberRow(*OF, "c1", "p1", "+64215550123"),
    ]


def test_a_shared_contact_is_written_once_and_linked_to_each_client() -> None:
    shared = contact("p1", mobile="021 555 0123")
    rows = rows_of(client("c1", shared), client("c2", shared))
    assert list(rows.contacts) == ["p1"]
    assert [(row.client_uuid, row.contact_uuid) for row in rows.links] == [
        ("c1", "p1"),
        ("c2", "p1"),
    ]
    assert [row.client_uuid for row in rows.numbers] == ["c1", "c2"]


def test_a_field_with_two_numbers_brings_both_and_a_deleted_contact_none() -> None:
    gone = contact("p1", mobile="021 555 0123", is_deleted=True)
    rows = rows_of(client("c1", gone, phone="09 555 0150 / 09 555 0151"))
    assert [row.e164 for row in rows.numbers] == ["+6495550150", "+6495550151"]
    assert not rows.contacts
    assert not rows.links
