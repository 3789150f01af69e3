"""The state as the panel and tests see it: plain JSON values, and no token or secret."""

from dataclasses import asdict
from itertools import islice

from sandbox.practice.records import Client, Job, Time
from sandbox.practice.state import PretendXero
from sandbox.practice.tenant import Practice


def state_seen(state: PretendXero, limit: int) -> dict[str, object]:
    """Return the whole view; at most `limit` clients, jobs and times a practice."""
    settings = state.settings
    practices = list(state.practices.values())
    times = [(p, time) for p in practices for time in p.times.values()]
    times.sort(key=lambda pair: pair[1].written_at)
    times.reverse()  # newest first, also among those written in the same moment
    return {
        "practices": [
            {
                "tenant": p.tenant_id,
                "name": p.name,
                "clients": len(p.clients),
                "jobs": len(p.jobs),
                "staff": len(p.staff),
                "times": len(p.times),
            }
            for p in practices
        ],
        "people": [
            {"name": person.name, "email": person.email, "may_connect": list(person.may_connect)}
            for person in state.people.values()
        ],
        "staff": [
            {
                "tenant": p.tenant_id,
                "uuid": staff.uuid,
                "name": staff.name.strip(),
                "email": staff.email,
                "mobile": staff.mobile,
            }
            for p in practices
            for staff in islice(p.staff.values(), limit)
        ],
        "clients": [
            client_seen(p, c) for p in practices for c in islice(p.clients.values(), limit)
        ],
        "jobs": [job_seen(p, job) for p in practices for job in islice(p.jobs.values(), limit)],
        "times": [time_seen(p, time) for p, time in islice(times, limit)],
        "faults": [asdict(fault) for fault in state.faults],
        "connections": [
            {
                "tenant": connection.tenant_id,
                "name": state.practices[connection.tenant_id].name,
                "by": person.email,
                "since": connection.created.isoformat(),
            }
            for person, connection in state.grants.connections()
        ],
        "requests": dict(state.counts),
        "locked_before": settings.lock_date().isoformat(),
    }


def client_seen(practice: Practice, client: Client) -> dict[str, object]:
    """Return a client with every number it can call from."""
    return {
        "tenant": practice.tenant_id,
        "uuid": client.uuid,
        "name": client.name.strip(),
        "phone": client.phone,
        "country": client.country,
        "archived": client.is_archived,
        "deleted": client.is_deleted,
        "contacts": [
            {
                "uuid": link.contact.uuid,
                "name": link.contact.name.strip(),
                "mobile": link.contact.mobile,
                "phone": link.contact.phone,
                "position": link.position,
            }
            for link in client.links
        ],
    }


def job_seen(practice: Practice, job: Job) -> dict[str, object]:
    """Return a job with its tasks and the names of its staff."""
    names = {uuid: staff.name.strip() for uuid, staff in practice.staff.items()}
    return {
        "tenant": practice.tenant_id,
        "number": job.number,
        "uuid": job.uuid,
        "name": job.name,
        "client": job.client.name.strip(),
        "state": job.state,
        "assigned": [names[uuid] for uuid in job.assigned],
        "tasks": [
            {
                "uuid": task.uuid,
                "definition": task.definition,
                "name": task.name,
                "completed": task.is_completed,
                "minutes": task.actual_minutes,
                "assigned": [names[uuid] for uuid in task.assigned],
            }
            for task in practice.tasks_of(job)
        ],
        "notes": [{"title": note.title, "text": note.text} for note in job.notes or []],
    }


def time_seen(practice: Practice, time: Time) -> dict[str, object]:
    """Return a time as a person would read it."""
    return {
        "tenant": practice.tenant_id,
        "uuid": time.uuid,
        "job": time.job.number,
        "job_name": time.job.name,
        "client": time.job.client.name.strip(),
        "task": time.task.name,
        "task_uuid": time.task.uuid,
        "staff": time.staff.name.strip(),
        "staff_uuid": time.staff.uuid,
        "date": time.day.isoformat(),
        "minutes": time.minutes,
        "start": time.start,
        "end": time.end,
        "note": time.note,
        "billable": time.task.is_billable,
        "invoiced": bool(time.invoice_task_uuid),
        "written_at": time.written_at.isoformat(),
    }
