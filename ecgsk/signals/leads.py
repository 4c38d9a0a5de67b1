"""Names of ECG leads, and look-up of leads by name."""

from collections.abc import Iterable, Sequence

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
_PREFIXES = ("mdc_ecg_lead_", "lead ", "lead_")
_BY_LOWER_CASE = {name.lower(): name for name in KNOWN_LEADS} | {"x": "VX", "y": "VY", "z": "VZ"}


def canonical_lead(name: str) -> str:
    """Return the canonical spelling of a lead name, in any case, also after the word "Lead".

    An unknown name raises a `LeadMismatchError`.
    """
    key = str(name).strip().lower()
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix).strip()
    try:
        return _BY_LOWER_CASE[key]
    except KeyError:
        raise LeadMismatchError(
            f"unknown lead {name!r}; expected one of {', '.join(KNOWN_LEADS)} (in any case). "
            "Rename the lead, or leave it out."
        ) from None


def canonical_leads(names: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical spelling of several lead names, in their order.

    One string such as ``"II"`` is one lead. No lead, or an unknown or repeated one, raises a
    `LeadMismatchError`.
    """
    leads = tuple(canonical_lead(name) for name in ([names] if isinstance(names, str) else names))
    if not leads:
        raise LeadMismatchError("expected at least one lead, got none. Pass one: leads=['II'].")
    repeated = sorted({lead for lead in leads if leads.count(lead) > 1}, key=KNOWN_LEADS.index)
    if repeated:
        raise LeadMismatchError(
            f"expected each lead once; lead {', '.join(repeated)} is repeated in "
            f"{', '.join(leads)}. Remove the repeated leads."
        )
    return leads


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
            f"({', '.join(available)}). Choose among those with SelectLeads(...)."
        )
    return [list(available).index(lead) for lead in leads]
