"""A bicycle rental: members, bikes at stations, rentals and their fees."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

SCHEMA = """
create table members (id integer primary key, name text not null, plan text not null, balance real not null);
create table bikes (id integer primary key, model text not null, station text not null, state text not null);
create table rentals (id integer primary key, member_id integer not null, bike_id integer not null,
                      hours integer not null, fee real not null, open integer not null);
insert into members values (1, 'Mara Lind', 'basic', 25.0), (2, 'Tomas Berg', 'plus', 60.0),
                           (3, 'Ines Duarte', 'basic', 4.5), (4, 'Kofi Mensah', 'plus', 110.0);
insert into bikes values (11, 'city', 'Harbour', 'free'), (12, 'city', 'Harbour', 'free'),
                         (13, 'cargo', 'Harbour', 'repair'), (14, 'electric', 'Old Mill', 'free'),
                         (15, 'electric', 'Old Mill', 'free'), (16, 'cargo', 'Station Square', 'free'),
                         (17, 'city', 'Station Square', 'rented');
insert into rentals values (501, 4, 17, 3, 9.0, 1);
"""
HOURLY = {"city": 3.0, "cargo": 6.0, "electric": 5.0}
DISCOUNT = {"basic": 1.0, "plus": 0.8}


def find_bikes(
    db: sqlite3.Connection, station: str, model: Literal["city", "cargo", "electric", "any"] = "any"
) -> list[dict[str, Any]]:
    """List the bikes that are free at a station.

    Args:
        station: Name of the station.
        model: Kind of bike to look for.
    """
    rows = db.execute("select id, model from bikes where station = ? and state = 'free' order by id", (station,))
    return [dict(row) for row in rows if model in ("any", row["model"])]


def get_member(db: sqlite3.Connection, member_id: int) -> dict[str, Any]:
    """Show a member's name, plan and balance.

    Args:
        member_id: Number of the member.
    """
    return dict(_one(db, "members", member_id))


def rent_bike(db: sqlite3.Connection, member_id: int, bike_id: int, hours: int) -> dict[str, Any]:
    """Rent a free bike to a member and take the fee from the balance.

    Args:
        member_id: Number of the member.
        bike_id: Number of the bike.
        hours: Hours to rent it for, 1 to 24.
    """
    member, bike = _one(db, "members", member_id), _one(db, "bikes", bike_id)
    if not 1 <= hours <= 24:
        raise ValueError("hours must be between 1 and 24")
    if bike["state"] != "free":
        raise ValueError(f"bike {bike_id} is not free")
    fee = round(hours * HOURLY[bike["model"]] * DISCOUNT[member["plan"]], 2)
    if fee > member["balance"]:
        raise ValueError(f"the balance of member {member_id} does not cover the fee of {fee}")
    rental = db.execute(
        "insert into rentals (member_id, bike_id, hours, fee, open) values (?, ?, ?, ?, 1)",
        (member_id, bike_id, hours, fee),
    ).lastrowid
    db.execute("update bikes set state = 'rented' where id = ?", (bike_id,))
    db.execute("update members set balance = round(balance - ?, 2) where id = ?", (fee, member_id))
    return {"rental_id": rental, "fee": fee}


def return_bike(db: sqlite3.Connection, rental_id: int, station: str) -> dict[str, Any]:
    """End a rental and leave its bike at a station.

    Args:
        rental_id: Number of the rental.
        station: Name of the station where the bike is left.
    """
    rental = _one(db, "rentals", rental_id)
    if not rental["open"]:
        raise ValueError(f"rental {rental_id} has ended already")
    db.execute("update rentals set open = 0 where id = ?", (rental_id,))
    db.execute("update bikes set state = 'free', station = ? where id = ?", (station, rental["bike_id"]))
    return {"bike_id": rental["bike_id"], "station": station}


def top_up(db: sqlite3.Connection, member_id: int, amount: float) -> dict[str, Any]:
    """Add money to a member's balance.

    Args:
        member_id: Number of the member.
        amount: Money to add, more than 0 and at most 500.
    """
    _one(db, "members", member_id)
    if not 0 < amount <= 500:
        raise ValueError("amount must be more than 0 and at most 500")
    db.execute("update members set balance = round(balance + ?, 2) where id = ?", (amount, member_id))
    return {"member_id": member_id, "balance": _one(db, "members", member_id)["balance"]}


def change_plan(db: sqlite3.Connection, member_id: int, plan: Literal["basic", "plus"]) -> dict[str, Any]:
    """Move a member to another plan.

    Args:
        member_id: Number of the member.
        plan: The new plan.
    """
    if _one(db, "members", member_id)["plan"] == plan:
        raise ValueError(f"member {member_id} has the plan {plan} already")
    db.execute("update members set plan = ? where id = ?", (plan, member_id))
    return {"member_id": member_id, "plan": plan}


def report_damage(db: sqlite3.Connection, bike_id: int) -> dict[str, Any]:
    """Take a bike that is not rented out of service for repair.

    Args:
        bike_id: Number of the bike.
    """
    if _one(db, "bikes", bike_id)["state"] == "rented":
        raise ValueError(f"bike {bike_id} is rented; end the rental first")
    db.execute("update bikes set state = 'repair' where id = ?", (bike_id,))
    return {"bike_id": bike_id, "state": "repair"}


def _one(db: sqlite3.Connection, table: str, identity: int) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(f"select * from {table} where id = ?", (identity,)).fetchone()
    if row is None:
        raise ValueError(f"there is no entry {identity} in {table}")
    return row
