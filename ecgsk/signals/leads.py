"""Names of ECG leads, and look-up of leads by name."""

import re
from collections.abc import Iterable, Sequence
from itertools import combinations

from ecgsk.exceptions import LeadMismatchError

STANDARD_12_LEADS: tuple[str, ...] = (
    *("I", "II", "III", "aVR", "aVL", "aVF"),
    *("V1", "V2", "V3", "V4", "V5", "V6"),
)
#: Supported lead names: the standard twelve, the posterior and right-sided chest
#: leads, Cabrera's inverted aVR and Frank's orthogonal leads.
KNOWN_LEADS: tuple[str, ...] = (
    *STANDARD_12_LEADS,
    *("V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R"),
    "-aVR",
    *("VX", "VY", "VZ"),
)
#: Limb leads as sums of leads I and II, after Einthoven and Goldberger.
LIMB_LEADS: dict[str, tuple[float, float]] = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
    "-aVR": (0.5, 0.5),
}
# Name that a user declares for a non-standard lead, such as "x-cm5"; it is no alias.
_OTHER_LEAD = re.compile(r"x-[a-z0-9_.+-]{1,32}")
_PREFIXES = ("mdc_ecg_lead_", "lead ", "lead_")
_BY_LOWER_CASE = {name.lower(): name for name in KNOWN_LEADS} | {"x": "VX", "y": "VY", "z": "VZ"}


def canonical_lead(name: str) -> str:
    """Return the canonical spelling of a lead name, in any case, also after the word "Lead".

    Any name that begins with "x-", such as "x-cm5", is a lead that no standard names. An
    unknown name raises a `LeadMismatchError`.
    """
    key = str(name).strip().lower()
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix).strip()
    if _OTHER_LEAD.fullmatch(key):
        return key
    try:
        return _BY_LOWER_CASE[key]
    except KeyError:
        raise LeadMismatchError(
            f"unknown lead {name!r}; expected one of {', '.join(KNOWN_LEADS)} (in any case). "
            "Rename the lead, or declare it: leads={'MLII': 'II'} reads MLII of WFDB files as lead "
            "II. A lead that no standard names begins with x-, such as 'x-cm5'."
        ) from None


def try_canonical_lead(name: str) -> str | None:
    """Return the canonical spelling of a lead name; None for a name that is no lead."""
    try:
        return canonical_lead(name)
    except LeadMismatchError:
        return None


def canonical_leads(names: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical spelling of several lead names, in their order.

    One string such as ``"II"`` is one lead. No lead, or an unknown or repeated one, raises a
    `LeadMismatchError`.
    """
    leads = tuple(canonical_lead(name) for name in ([names] if isinstance(names, str) else names))
    if not leads:
        raise LeadMismatchError("expected at least one lead, got none. Pass one: leads=['II'].")
    repeated = sorted({lead for lead in leads if leads.count(lead) > 1}, key=lead_order)
    if repeated:
        raise LeadMismatchError(
            f"expected each lead once; lead {', '.join(repeated)} is repeated in "
            f"{', '.join(leads)}. Remove the repeated leads."
        )
    return leads


def lead_order(lead: str) -> tuple[int, str]:
    """Return the place of a canonical lead in the standard order, as a key to sort by."""
    known = lead in KNOWN_LEADS
    return (KNOWN_LEADS.index(lead) if known else len(KNOWN_LEADS), lead)


def derivation(lead: str, available: Iterable[str]) -> dict[str, float] | None:
    """Return the factors of available limb leads whose sum is a limb lead.

    I and II are preferred. None when `lead` is no limb lead, or two of them are not available.
    """
    present = set(available)
    if lead not in LIMB_LEADS:
        return None
    if lead in present:
        return {lead: 1.0}
    a, b = LIMB_LEADS[lead]
    for first, second in combinations([name for name in LIMB_LEADS if name in present], 2):
        (a1, b1), (a2, b2) = LIMB_LEADS[first], LIMB_LEADS[second]
        if determinant := a1 * b2 - a2 * b1:
            factors = ((a * b2 - a2 * b) / determinant, (a1 * b - a * b1) / determinant)
            return {n: f for n, f in zip((first, second), factors, strict=True) if f}
    return None


def how_to_get_leads(wanted: Sequence[str], available: Sequence[str]) -> str:
    """Return advice for deriving `wanted` leads of a model or table from other leads."""
    missing = [lead for lead in wanted if lead not in available]
    factors = [derivation(lead, available) for lead in missing]
    if not missing:
        return f"Use SelectLeads({list(wanted)!r})."
    if absent := [lead for lead, part in zip(missing, factors, strict=True) if not part]:
        advice = f"{', '.join(absent)} cannot be derived from these: read records that have them"
        if len(absent) == len(list(wanted)):
            return f"{advice}."
        return f"{advice}, or mask them by SelectLeads({list(wanted)!r}, missing='mask')."
    sources = " and ".join(sorted({name for part in factors for name in part or ()}))
    return (
        f"{', '.join(missing)} follow from {sources}: derive them by "
        f"SelectLeads({list(wanted)!r}, derive=True)."
    )


def lead_positions(
    available: Sequence[str], wanted: Iterable[str], *, name: str = "ECG"
) -> list[int]:
    """Return the position in `available` of each wanted lead, whose name may be in any case.

    A lead that is unknown, repeated or not available raises a `LeadMismatchError`.
    """
    leads = canonical_leads(wanted)
    missing = [lead for lead in leads if lead not in available]
    if missing:
        raise LeadMismatchError(
            f"{name}: expected lead {', '.join(missing)}; got {len(available)} leads without it "
            f"({', '.join(available)}). {how_to_get_leads(leads, available)}"
        )
    return [list(available).index(lead) for lead in leads]
