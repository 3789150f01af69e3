"""client.api: clients, their contacts, and the quirks of their lists."""

import base64
import binascii
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

from sandbox.practice.answer import Answer, Ask, BadRequestError, error, midnight
from sandbox.practice.records import Client, Contact, ContactLink
from sandbox.practice.xml import element, listed, maybe, reply, streamed, style_of

# What the documentation lists and the sandbox leaves out because the app reads none of it:
# https://developer.xero.com/documentation/api/practice-manager-3-1/clients
_REST = "".join(
    f"<{name}>{text}</{name}>"
    for name, text in {
        "Title": "Ms", "Gender": "Not stated", "FirstName": "Kea", "LastName": "Example", "OtherName": "",
        "Region": "Waikato", "PostCode": "3200", "PostalAddress": "PO Box 555, The Post Shop on the Corner",
        "PostalCity": "Hamilton", "PostalRegion": "Waikato", "PostalPostCode": "3240", "PostalCountry": "New Zealand",
        "Website": "https://www.example.com/about-us", "ReferralSource": "Recommended by another client. " * 33,
        "TaxNumber": "******123", "CompanyNumber": "5550123", "BusinessNumber": "9429000000000",
        "BusinessStructure": "Company", "BalanceMonth": "Mar", "PrepareGST": "Yes", "GSTRegistered": "Yes",
        "GSTPeriod": "2", "GSTBasis": "Payment", "ProvisionalTaxBasis": "Standard Option",
        "ProvisionalTaxRatio": "", "SignedTaxAuthority": "Yes", "TaxAgent": "Kea", "AgencyStatus": "With EOT",
        "ReturnType": "IR4", "PrepareActivityStatement": "No", "PrepareTaxReturn": "Yes", "Active": "Yes",
        "ActiveAtoClient": "No", "ClientCode": "KEA0001",
    }.items()
)  # fmt: skip
_PEOPLE = "".join(
    f"<{role}><UUID>aaaaaaaa-0001-4000-8000-00000000000{n}</UUID><Name>Sam Rivers</Name></{role}>"
    for n, role in enumerate(("AccountManager", "JobManager"), 1)
)
_TYPE = (
    "<Type><Name>Standard 20 days</Name><CostMarkup>30.00</CostMarkup>"
    "<PaymentTerm>DayOfMonth</PaymentTerm><PaymentDay>20</PaymentDay></Type>"
)
_LONG = _REST + _PEOPLE + _TYPE


def list_clients(ask: Ask) -> Answer:
    """Answer `client.api/list`: unpaged, archived and deleted ones included, in pieces.

    `modifiedsince` is UTC without a zone, as documented.
    """
    since = _modified_since(ask.query.get("modifiedsince", ""))
    is_detailed = ask.is_detailed()
    is_long = ask.settings.long_rows

    def rows() -> Iterator[str]:
        for client in list(ask.practice.clients.values()):
            if since is None or client.modified >= since:
                row = client_row(client, is_detailed=is_detailed)
                yield row.removesuffix("</Client>") + _LONG + "</Client>" if is_long else row

    return Answer(200, streamed(ask.method, "Clients", rows()))


def paged_list(ask: Ask) -> Answer:
    """Answer `client.api/paged-list`: active clients only, without contacts, notes and groups."""
    active = [c for c in ask.practice.clients.values() if c.is_active]
    size, start = _page(ask)
    rows = [client_row(c, has_contacts=False) for c in active[start : start + size]]
    after = start + size if start + size < len(active) else None
    return Answer(200, reply(ask.method, listed("Clients", rows), _pagination(ask, size, after)))


def search(ask: Ask) -> Answer:
    """Answer `client.api/search`: names that contain the words, any case; the first hundred."""
    words = ask.query.get("query", "").strip().lower()
    if not words:
        raise BadRequestError("query is required")
    found = [
        c for c in ask.practice.clients.values() if not c.is_deleted and words in c.name.lower()
    ]
    rows = [client_row(c, is_detailed=ask.is_detailed()) for c in found[:100]]
    return Answer(200, reply(ask.method, listed("Clients", rows)))


def get_client(ask: Ask) -> Answer:
    """Answer `client.api/get/{uuid}`."""
    client = ask.practice.clients.get(ask.argument)
    if client is None:
        return error(ask.method, "Invalid client identifier")
    link = element("WebUrl", f"https://practicemanager.xero.com/Client/{client.number}/Detail")
    return Answer(200, reply(ask.method, link, client_row(client, is_detailed=True)))


def contacts(ask: Ask) -> Answer:
    """Answer `client.api/contacts`: paged, and with no word of whose contact each one is."""
    kept = [c for c in ask.practice.contacts.values() if not c.is_deleted]
    size, start = _page(ask)
    rows = ["<Contact>" + _contact(c) + "</Contact>" for c in kept[start : start + size]]
    after = start + size if start + size < len(kept) else None
    return Answer(200, reply(ask.method, listed("Contacts", rows), _pagination(ask, size, after)))


def client_row(client: Client, *, is_detailed: bool = False, has_contacts: bool = True) -> str:
    """Return one client as XML."""
    style = style_of(client.uuid)
    parts = [
        "<Client>",
        element("UUID", client.uuid),
        element("Name", client.name),
        maybe("Email", client.email, style),
        # Recorded lists say midnight where a single record says the date alone.
        maybe("DateOfBirth", "", style),
        maybe("Address", "", style),
        maybe("City", client.city, style),
        maybe("Country", client.country, style),
        maybe("Phone", client.phone, style),
        maybe("Fax", "", style),
        maybe("ExportCode", "", style),
        element("IsProspect", "No"),
        "" if style == 2 and client.is_active else _flag("IsArchived", is_set=client.is_archived),
        "" if style == 2 and client.is_active else _flag("IsDeleted", is_set=client.is_deleted),
    ]
    if has_contacts:
        parts.append(listed("Contacts", (_linked(link) for link in client.links)))
    if is_detailed:
        note = (
            "<Note>"
            + element("Title", "About")
            + element("Text", client.note)
            + element("Date", midnight(client.modified.date()))
            + "</Note>"
            if client.note
            else ""
        )
        group = _group(client.group) if client.group else ""
        parts += [listed("Notes", [note]), listed("Groups", [group]), "<Relationships />"]
    parts.append("</Client>")
    return "".join(parts)


def _group(name: str) -> str:
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return f"<Group>{element('UUID', identifier)}{element('Name', name)}</Group>"


def _flag(name: str, *, is_set: bool) -> str:
    return element(name, "Yes" if is_set else "No")


def _contact(contact: Contact) -> str:
    style = style_of(contact.uuid)
    return (
        element("UUID", contact.uuid)
        + element("Name", contact.name)
        + maybe("Salutation", "", style)
        + maybe("Addressee", "", style)
        + maybe("Mobile", contact.mobile, style)
        + maybe("Email", contact.email, style)
        + maybe("Phone", contact.phone, style)
        + _flag("IsDeleted", is_set=contact.is_deleted)
    )


def _linked(link: ContactLink) -> str:
    return (
        "<Contact>"
        + _contact(link.contact)
        + _flag("IsPrimary", is_set=link.is_primary)
        + maybe("Position", link.position, style_of(link.contact.uuid))
        + "</Contact>"
    )


def _modified_since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequestError("modifiedsince must be in the form yyyy-MM-ddTHH:mm:ss") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _page(ask: Ask) -> tuple[int, int]:
    size_text, token = ask.query.get("pagesize", "50"), ask.query.get("pagetoken", "")
    if not size_text.isdecimal() or not 1 <= int(size_text) <= 500:
        raise BadRequestError("pageSize must be between 1 and 500")
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise BadRequestError("pageToken is not valid") from None
    return int(size_text), start


def _pagination(ask: Ask, size: int, after: int | None) -> str:
    name = {"PagedList": "paged-list", "Contacts": "contacts"}[ask.method]
    base = f"{ask.settings.public_url}/practicemanager/3.1/client.api/{name}"
    links = element("First", f"{base}?{urlencode({'pageSize': size})}")
    if after is not None:
        token = base64.urlsafe_b64encode(str(after).encode()).decode()
        links += element("Next", f"{base}?{urlencode({'pageToken': token, 'pageSize': size})}")
    return f"<Pagination><Links>{links}</Links></Pagination>"
