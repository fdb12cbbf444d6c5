"""What VASP's tags say of the level of theory and of the kind of run."""

from __future__ import annotations

import re
from collections.abc import Mapping


def _table(text: str) -> dict[str, str]:
    return dict(word.split("=") for word in text.split())


# The GGA, METAGGA and IVDW tags, as they are named in print.
FUNCTIONALS = _table("""
    PE=PBE PS=PBEsol RP=RPBE 91=PW91 RE=revPBE AM=AM05 CA=LDA PZ=LDA B3=B3LYP B5=B3LYP BF=BEEF-vdW
    OR=optPBE BO=optB88 MK=optB86b ML=rPW86 R2SCA=r2SCAN R2SCAN=r2SCAN RSCAN=rSCAN RTPSS=revTPSS
""")
DISPERSION = _table("""
    1=D2 10=D2 11=D3 12=D3(BJ) 13=D4 2=TS 20=TS 21=TS/HI 202=MBD 263=MBD/FI 4=dDsC ?=vdW
""")
# What the titles of POTCARs say where no tag does: the first of these that stands in them.
POTCARS = {"PBE": "PBE", "GGA": "PW91", "": "LDA"}
# Screened hybrids by functional and HFSCREEN in 1/Å, which is given as 0.2 or 0.207.
HYBRIDS = {("PBE", 0.0): "PBE0", ("PBE", 0.2): "HSE06", ("PBE", 0.3): "HSE03"}
HYBRIDS |= {("PBEsol", 0.2): "HSEsol"}
# What the atoms did, by IBRION; without steps it is a single point.
RELAXATION, SINGLE_POINT, IMAGE = "relaxation", "single point", "image of a path"
LEARNED = "steps of a machine-learned force field"
MOTIONS = {"0": "molecular dynamics", **dict.fromkeys("123", RELAXATION)}
MOTIONS |= {**dict.fromkeys("56", "finite differences"), **dict.fromkeys("78", "linear response")}
MOTIONS |= {"40": "a reaction path", "44": "a search for a saddle point"}
NOT_POLARIZED = "not spin-polarized"
# Values that say nothing: POTCAR or a default decides.
UNSAID = ("", "--")
SOME = "?"  # an IVDW that is on, and not named
# ALGO of runs without a total energy of their own density.
NO_ENERGY = (
    *("GW", "G0W", "EVGW", "SCGW", "QPGW", "BSE", "TDHF", "TIMEEV", "CHI", "ACFDT", "RPA", "CRPA"),
    *("NONE", "NOTH", "EIGEN", "SUBROT"),
)


def one_word(text: str) -> str:
    """Return a tag's value without its comment and quotes: ``PE`` of ``PE ! for PBE``."""
    words = re.split(r"[!#]", text)[0].replace('"', " ").replace("'", " ").split()
    return words[0] if words else ""


def is_on(tags: Mapping[str, str], name: str) -> bool:
    """Tell whether a logical tag is true; one that is missing is not."""
    return tags.get(name, "F").strip(" .").upper().startswith("T")


def number_of(tags: Mapping[str, str], name: str, default: float) -> float:
    """Return a tag as a number; the default where it is missing or no number."""
    try:
        return float(tags.get(name, default))
    except ValueError:
        return default


def motion_of(tags: Mapping[str, str]) -> str | None:
    """Return what the atoms did, None where nothing says it."""
    if number_of(tags, "IMAGES", 0) > 0 or is_on(tags, "LCLIMB"):
        return IMAGE
    if is_on(tags, "ML_LMLFF"):
        return LEARNED
    if tags.get("ICHAIN") == "2":  # the dimer method of VTST
        return MOTIONS["44"]
    steps, motion = number_of(tags, "NSW", 2), MOTIONS.get(tags.get("IBRION", ""))
    # one step moves nothing, but displaces
    moves = steps > 1 or (steps == 1 and tags.get("IBRION", "") in tuple("5678"))
    return motion if moves else SINGLE_POINT


def no_total_energy(tags: Mapping[str, str]) -> str | None:
    """Say why the run's energy is not that of its own converged density; None where it is."""
    if number_of(tags, "ICHARG", 0) >= 10:
        return f"its charge density was fixed (ICHARG = {tags['ICHARG']})"
    if tags.get("ALGO", "").upper().startswith(NO_ENERGY):
        return f"it has no total energy (ALGO = {tags['ALGO']})"
    if tags.get("METAGGA", "").upper().endswith("MBJ"):
        return f"METAGGA = {tags['METAGGA']} is a potential without an energy"
    return None


def spin_of(tags: Mapping[str, str]) -> str | None:
    """Return whether the run was spin-polarized, None where nothing says it."""
    if is_on(tags, "LNONCOLLINEAR") or is_on(tags, "LSORBIT"):
        return "non-collinear"
    return {"1": NOT_POLARIZED, "2": "spin-polarized"}.get(tags.get("ISPIN", ""))


def functional_of(tags: Mapping[str, str], potentials: str) -> str | None:
    """Return the functional; ``potentials`` are the titles of the POTCAR."""
    meta, gga = (tags.get(name, "--").upper() for name in ("METAGGA", "GGA"))
    # OUTCAR has a METAGGA of T or F too, which is something else
    tag = gga if meta in (*UNSAID, "T", "F", ".FALSE.", "NONE") else meta
    if tag in UNSAID:  # the POTCAR decides
        name = next(POTCARS[word] for word in POTCARS if word in potentials) if potentials else None
    else:
        name = FUNCTIONALS.get(tag, tag)
    if name is None or not is_on(tags, "LHFCALC") or name == "B3LYP":
        return name
    exchange, screening = number_of(tags, "AEXX", 0.25), number_of(tags, "HFSCREEN", 0.0)
    if exchange == 1.0:
        return "Hartree-Fock"
    hybrid = HYBRIDS.get((name, round(screening, 1))) if exchange == 0.25 else None
    return hybrid or f"{name} hybrid"


def hubbard_u_of(tags: Mapping[str, str], elements: list[str]) -> dict[str, float] | None:
    """Return U of each element in eV; None where +U is on and the values cannot be read."""
    if not is_on(tags, "LDAU"):
        return {}
    columns = (tags[name].split() for name in ("LDAUL", "LDAUU", "LDAUJ"))
    try:
        rows = [(x, *map(float, row)) for x, *row in zip(elements, *columns, strict=True)]
    except (KeyError, ValueError):  # missing, no numbers, or not one for each
        return None
    dudarev = tags.get("LDAUTYPE", "2").split()[:1] == ["2"]
    found: dict[str, float] = {}
    for element, shell, u, j in rows:
        value = (u - j if dudarev else u) if shell >= 0 else 0.0
        # an element may have several POTCARs
        found[element] = max(value, found.get(element, value))
    return found if any(found.values()) else {}


def dispersion_of(tags: Mapping[str, str]) -> str | None:
    """Return the dispersion correction, None without one."""
    if (ivdw := tags.get("IVDW", "0")) != "0":
        return DISPERSION.get(ivdw, f"IVDW {ivdw}")
    if is_on(tags, "LVDW"):  # of old
        return "D2"
    if not is_on(tags, "LUSE_VDW"):
        return None
    meta = tags.get("METAGGA", "").upper().endswith(("SCAN", "SCA"))
    return "rVV10" if meta else "nonlocal vdW"
