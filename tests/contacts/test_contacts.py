"""Contacts: how close a user's own atoms come to the collapse of their pair."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms

from mlipcheck.check import Context, Skip
from mlipcheck.checks.contacts import Contacts, find_contacts
from mlipcheck.checks.dimers.record import Attraction, DimerScan
from mlipcheck.system import Settings, System
from mlipcheck.verdict import judge


def scan_with(collapse=None, dip=None):
    r = np.linspace(0.4, 6, 50)
    found = [None if x is None else Attraction(x, 5.0, 1.0) for x in (dip, collapse)]
    first = found[0] or found[1]
    return DimerScan(("Cu", "Cu"), r, 1 / r, 1 / r**2, attraction=first, collapse=found[1])


def pair_at(distance, symbols="Cu2"):
    return ("mine", Atoms(symbols, [[0, 0, 0], [0, 0, distance]]))


@pytest.mark.parametrize(
    ("distance", "collapse", "status"),
    [
        (2.0, 1.0, "ok"),
        (1.2, 1.0, "caution"),
        (0.9, 1.0, "fail"),
        (0.9, None, "ok"),
        (0.3, None, "not assessed"),
    ],
)
def test_distance_over_collapse(distance, collapse, status):
    (row,) = find_contacts([pair_at(distance)], [scan_with(collapse)])
    (finding,) = judge({"contacts": [row]})
    assert finding.status == status
    assert f"{distance:.2f} Å in mine" in finding.value
    assert finding.decides == ("dynamics", "hot")
    assert finding.hints == ("relax",)


@pytest.mark.parametrize("collapse", [None, 1.0])
def test_a_dip_is_shown_and_not_judged(collapse):
    (row,) = find_contacts([pair_at(1.5)], [scan_with(collapse, dip=1.6)])
    (finding,) = judge({"contacts": [row]})
    assert finding.status == "ok"
    assert finding.value.endswith("dip at 1.60 Å")


@pytest.mark.parametrize(("distance", "status"), [(2.0, "ok"), (1.05, "caution"), (0.6, "caution")])
def test_where_a_guard_acts_in_the_structures_it_is_said(distance, status):
    """And the collapse that it closes is judged as without it."""
    radii = {("Cu", "Cu"): 1.1}
    (row,) = find_contacts([pair_at(distance)], [scan_with(None)], radii=radii)
    found = {f.quantity: f for f in judge({"contacts": [row]})}
    own, guard = found["contacts"], found["contacts beside the guard"]
    assert own.status == "ok"
    assert (guard.status, guard.decides) == (status, ())
    assert guard.value == f"{distance:.2f} Å in mine, the guard acts inside 1.10 Å"


def test_a_pair_that_was_not_scanned_is_not_judged():
    rows = find_contacts([pair_at(1.0, "CuO")], [scan_with(1.0)])
    assert [(r.name, r.distance) for r in rows] == [
        ("Cu-O", pytest.approx(1.0)),
        ("Cu-Cu", None),
        ("O-O", None),
    ]
    assert [f.status for f in judge({"contacts": rows})] == ["not assessed"]
    failed = dataclasses.replace(scan_with(1.0), error="no")
    (row,) = find_contacts([pair_at(2.0)], [failed])
    assert [f.status for f in judge({"contacts": [row]})] == ["not assessed"]


def test_the_closest_of_many_structures_is_what_counts():
    structures = [pair_at(2.0), ("other", Atoms("Cu2", [[0, 0, 0], [0, 0, 1.1]]))]
    (row,) = Contacts().run(
        None, Contacts().tasks(system_of(structures), Settings())[0], context([scan_with(1.0)])
    )
    assert (row.structure, row.ratio) == ("other", pytest.approx(1.1))


def system_of(structures):
    return System(calculator=None, structures=tuple(structures))


def context(scans):
    return Context(earlier={"dimers": scans})


def test_without_structures_it_does_not_run():
    (skip,) = Contacts().tasks(system_of([]), Settings())
    assert isinstance(skip, Skip)
