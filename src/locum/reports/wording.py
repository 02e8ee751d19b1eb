"""Numbers as people read them: three significant digits, SI units, percentages, durations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NO_BREAK = "\u00a0"
THIN_SPACE = "\u202f"  # narrow and unbreakable: between groups of digits, and between number and unit


def power_of_ten(exponent: int) -> str:
    """10 with a raised exponent."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def significant(value: float, digits: int = 3) -> str:
    """A number to some significant digits, as a power of ten outside [1e-3, 1e6)."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "not a number"
    if value == 0:
        return "0"
    mantissa, exponent_text = f"{abs(value):.{digits - 1}e}".split("e")
    exponent = int(exponent_text)
    sign = "−" if value < 0 else ""
    if -3 <= exponent < 6:
        rounded = float(f"{mantissa}e{exponent}")
        return sign + f"{rounded:,.{max(digits - 1 - exponent, 0)}f}".replace(",", THIN_SPACE)
    return f"{sign}{mantissa}{THIN_SPACE}×{THIN_SPACE}{power_of_ten(exponent)}"


def with_unit(value: float, unit: str, digits: int = 3) -> str:
    """A number with its unit."""
    return significant(value, digits) + (f"{THIN_SPACE}{unit}" if unit else "")


def count(number: int | None) -> str:
    """A whole number with its digits in groups of three; a dash where it is not known."""
    return "–" if number is None else f"{number:,}".replace(",", THIN_SPACE)


def percentage(fraction: float) -> str:
    """A measured fraction as a percentage to three digits, or as many as tell it from 0 % and 100 %."""
    percent = 100 * fraction
    if percent == 0 or abs(percent - 100) < 1e-9:  # up to rounding
        return f"{percent:.0f}{THIN_SPACE}%"
    if 99 < percent < 100:  # what matters is the distance from 100 %
        decimals = 1 - math.floor(math.log10(100 - percent))
        return f"{percent:.{decimals}f}{THIN_SPACE}%"
    return f"{significant(percent)}{THIN_SPACE}%"


def stated_percentage(fraction: float) -> str:
    """A fraction that somebody stated, with no more digits than it has."""
    return f"{100 * fraction:.10g}{THIN_SPACE}%"


def error_size(value: float, *, relative: bool, unit: str) -> str:
    """An error or error figure: a percentage where it is relative, else a number with its unit."""
    if relative and math.isfinite(value):
        return percentage(value)
    return with_unit(value, "" if relative else unit)


def tolerance_size(value: float, *, relative: bool, unit: str) -> str:
    """A tolerance as it was stated."""
    if relative:
        return stated_percentage(value)
    return as_stated(value) + (f"{THIN_SPACE}{unit}" if unit else "")


def as_stated(value: float) -> str:
    """A number with no more digits than it has, those before the point in groups of three."""
    return f"{value:,.10g}".replace(",", THIN_SPACE).replace("-", "−")


def duration(seconds: float) -> str:
    """A time span in the unit that suits it: µs, ms, s, min, h or days."""
    for size, unit in ((1e-3, "µs"), (1.0, "ms"), (120.0, "s"), (7200.0, "min"), (172800.0, "h")):
        if seconds < size:
            scale = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}[unit]
            return with_unit(seconds / scale, unit)
    return with_unit(seconds / 86400, "days")


def data_size(nbytes: float) -> str:
    """Bytes as people say them: ``850 kB``, ``1.2 GB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            return with_unit(nbytes / size, unit)
    return with_unit(nbytes, "bytes")


def times_as_many(factor: float) -> str:
    """A speed-up: 5,300 times."""
    return f"{significant(factor)}{THIN_SPACE}×"


def date(iso: str) -> str:
    """An ISO 8601 date and time in words; anything else unchanged."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def claim_kept(share: float, refuted: bool, expected: Sequence[float] | None) -> str:
    """Whether an audit speaks against a claimed coverage.

    Parameters
    ----------
    share
        Observed coverage.
    refuted
        Whether it is significantly below the claim.
    expected
        Where it lies 95 % of the time if the claim is right, which rests on finitely many simulations.
    """
    if not refuted:
        return "yes"
    return "below it, within chance" if expected and share >= expected[0] else "no: below the claim"
