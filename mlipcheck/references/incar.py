"""What VASP's tags say of the level of theory."""

from __future__ import annotations

# The GGA, METAGGA and IVDW tags, as they are named in print.
FUNCTIONALS = {
    "PE": "PBE",
    "PS": "PBEsol",
    "RP": "RPBE",
    "91": "PW91",
    "RE": "revPBE",
    "AM": "AM05",
    "CA": "LDA",
    "B3": "B3LYP",
    "OR": "optPBE",
    "BO": "optB88",
    "MK": "optB86b",
    "R2SCA": "r2SCAN",
    "R2SCAN": "r2SCAN",
    "RSCAN": "rSCAN",
}
# Screened hybrids by functional and HFSCREEN in 1/Å, which is given as 0.2 or 0.207.
HYBRIDS = {
    ("PBE", 0.0): "PBE0",
    ("PBE", 0.2): "HSE06",
    ("PBE", 0.3): "HSE03",
    ("PBEsol", 0.2): "HSEsol",
}
DISPERSION = {
    "1": "D2",
    "10": "D2",
    "11": "D3",
    "12": "D3(BJ)",
    "13": "D4",
    "2": "TS",
    "20": "TS",
    "21": "TS/HI",
    "202": "MBD",
    "263": "MBD/FI",
    "4": "dDsC",
}


def _is_on(tags: dict[str, str], name: str) -> bool:
    return tags.get(name, "F").strip(".").upper().startswith("T")


def functional_of(tags: dict[str, str], potentials: str) -> str | None:
    """Return the functional; ``potentials`` are the titles of the POTCAR."""
    meta, gga = (tags.get(name, "--").upper() for name in ("METAGGA", "GGA"))
    name: str | None
    # OUTCAR has a METAGGA of T or F too, which is something else
    if meta not in ("--", "", "T", "F", ".FALSE.", "NONE"):
        name = FUNCTIONALS.get(meta, meta)
    elif gga not in ("--", ""):
        name = FUNCTIONALS.get(gga, gga)
    elif "PBE" in potentials:  # the POTCAR decides
        name = "PBE"
    elif "GGA" in potentials:
        name = "PW91"
    else:
        name = "LDA" if potentials else None
    if name is None or not _is_on(tags, "LHFCALC") or name == "B3LYP":
        return name
    exchange, screening = float(tags.get("AEXX", 0.25)), float(tags.get("HFSCREEN", 0.0))
    if exchange == 1.0:
        return "Hartree-Fock"
    hybrid = HYBRIDS.get((name, round(screening, 1))) if exchange == 0.25 else None
    return hybrid or f"{name} hybrid"


def hubbard_u_of(tags: dict[str, str], elements: list[str]) -> dict[str, float] | None:
    """Return U of each element in eV; None where +U is on and the values cannot be read."""
    if not _is_on(tags, "LDAU"):
        return {}
    try:
        shells, us, js = (
            [float(word) for word in tags[name].split()] for name in ("LDAUL", "LDAUU", "LDAUJ")
        )
    except (KeyError, ValueError):
        return None
    if not len(elements) == len(shells) == len(us) == len(js):
        return None
    dudarev = tags.get("LDAUTYPE", "2").split()[:1] == ["2"]
    found: dict[str, float] = {}
    for element, shell, u, j in zip(elements, shells, us, js, strict=True):
        value = (u - j if dudarev else u) if shell >= 0 else 0.0
        # an element may have several POTCARs
        found[element] = max(value, found.get(element, value))
    return found if any(found.values()) else {}


def dispersion_of(tags: dict[str, str]) -> str | None:
    """Return the dispersion correction, None without one."""
    if (ivdw := tags.get("IVDW", "0")) != "0":
        return DISPERSION.get(ivdw, f"IVDW {ivdw}")
    if _is_on(tags, "LVDW"):  # of old
        return "D2"
    return "nonlocal vdW" if _is_on(tags, "LUSE_VDW") else None
