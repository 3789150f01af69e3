"""staff.api: who works at the practice."""

from sandbox.practice.answer import Answer, Ask, error, web_url
from sandbox.practice.records import Staff
from sandbox.practice.xml import element, listed, maybe, reply, style_of


def staff_row(staff: Staff) -> str:
    """Return one member of staff; an empty e-mail is an empty element."""
    style = style_of(staff.uuid)
    return (
        "<Staff>"
        + element("UUID", staff.uuid)
        + element("Name", staff.name)
        + maybe("Email", staff.email, style % 2)
        + maybe("Phone", staff.phone, style)
        + maybe("Mobile", staff.mobile, style)
        + maybe("Address", "", style)
        + maybe("PayrollCode", staff.payroll_code, style)
        + "</Staff>"
    )


def list_staff(ask: Ask) -> Answer:
    """Answer `staff.api/list`."""
    rows = [staff_row(staff) for staff in ask.practice.staff.values()]
    return Answer(200, reply(ask.method, listed("StaffList", rows)))


def get_staff(ask: Ask) -> Answer:
    """Answer `staff.api/get/{uuid}`."""
    staff = ask.practice.staff.get(ask.argument)
    if staff is None:
        return error(ask.method, "Invalid staff identifier")
    link = web_url(f"admin/resourceedit.aspx?id={staff.number}")
    return Answer(200, reply(ask.method, link, staff_row(staff)))
