"""Values as people write them in a study file: durations, counts, shares, distributions.

Each type says in one sentence what it expects. The JSON Schema says the same to editors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from locum.exceptions import ParameterError
from locum.parameters import Distribution
from locum.parameters.distributions import distribution_from_dict

_UNITS = {
    "d": 86400.0,
    "day": 86400.0,
    "h": 3600.0,
    "hour": 3600.0,
    "min": 60.0,
    "minute": 60.0,
    "s": 1.0,
    "sec": 1.0,
}
_UNITS |= {"second": 1.0, "ms": 1e-3}
_HUGE = 1e300
_MULTIPLES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]i?B)\s*"
_DURATION = r"\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|sec|seconds?|min|minutes?|h|hours?|d|days?)\s*)+"
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


def _number(value: Any, expected: str, accepted: Callable[[float], bool]) -> float:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < _HUGE
        and accepted(value)
    ):
        return float(value)
    raise ValueError(f"expected {expected}, got {value!r}")


def _positive(value: Any) -> float:
    return _number(value, "a number above 0", lambda number: 0 < number < math.inf)


def _fraction(value: Any) -> float:
    return _number(value, "a number between 0 and 1", lambda number: 0 < number < 1)


def _seconds(value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(_DURATION, value):
        parts = _PART.findall(value)
        value = sum(
            float(number) * _UNITS.get(unit, _UNITS.get(unit.rstrip("s"), 1.0)) for number, unit in parts
        )
    return _number(
        value, "a duration such as '90 s', '20 min' or '2 h', or seconds", lambda s: 0 < s < math.inf
    )


def _bytes(value: Any) -> int:
    if isinstance(value, str) and (match := re.fullmatch(_SIZE, value)):
        return int(float(match[1]) * _MULTIPLES[match[2].upper()])
    raise ValueError(f"expected a size such as '500 MB' or '1.5 GB', got {value!r}")


def _count(least: int, *, auto: bool) -> Callable[[Any], int | None]:
    expected = f"a whole number of at least {least}" + (", or auto" if auto else "")

    def parse(value: Any) -> int | None:
        if auto and (value is None or value == "auto"):
            return None
        number = _number(value, expected, lambda number: number >= least and float(number).is_integer())
        return int(number)

    return parse


def _distribution(value: Any) -> Distribution:
    given = {"kind": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or "kind" not in given:
        raise ValueError(
            f"expected uniform, log-uniform or {{kind: normal, mean, standard_deviation}}, got {value!r}"
        )
    kind, wanted = given["kind"], {"mean", "standard_deviation"} if given["kind"] == "normal" else set()
    for key in sorted(wanted):
        if key in given:
            _number(given[key], f"a number for {key}", lambda number: True)
    try:
        return distribution_from_dict(given)
    except ParameterError as error:
        raise ValueError(str(error)) from None
    except TypeError:
        found = ", ".join(str(key) for key in given if key != "kind") or "nothing"
        expected = "mean and standard_deviation" if wanted else "no further keys"
        raise ValueError(f"distribution {kind!r}: expected {expected}, got {found}") from None


def _auto_schema(least: int) -> dict[str, Any]:
    return {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": least}]}


_AUTO = PlainSerializer(lambda value: "auto" if value is None else value)

Positive = Annotated[
    float, PlainValidator(_positive), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
Fraction = Annotated[
    float,
    PlainValidator(_fraction),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Seconds = Annotated[
    float,
    PlainValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": f"^{_DURATION}$"},
            ]
        }
    ),
]
Bytes = Annotated[
    int,
    PlainValidator(_bytes),
    PlainSerializer(lambda size: f"{size / 1e6:.15g} MB"),
    WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"}),
]
Count = Annotated[
    int, PlainValidator(_count(1, auto=False)), WithJsonSchema({"type": "integer", "minimum": 1})
]
Seed = Annotated[
    int, PlainValidator(_count(0, auto=False)), WithJsonSchema({"type": "integer", "minimum": 0})
]
# None stands for auto
AutoCount = Annotated[
    int | None, PlainValidator(_count(1, auto=True)), _AUTO, WithJsonSchema(_auto_schema(1))
]
AutoPair = Annotated[int | None, PlainValidator(_count(2, auto=True)), _AUTO, WithJsonSchema(_auto_schema(2))]
DistributionValue = Annotated[
    Distribution,
    PlainValidator(_distribution),
    PlainSerializer(lambda distribution: distribution.to_dict()),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["uniform", "log-uniform"]},
                {
                    "type": "object",
                    "properties": {
                        "kind": {"enum": ["uniform", "log-uniform"]},
                    },
                    "required": ["kind"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "kind": {"const": "normal", "description": "Cut off at the ends of the range."},
                        "mean": {"type": "number"},
                        "standard_deviation": {"type": "number", "exclusiveMinimum": 0},
                    },
                    "required": ["kind", "mean", "standard_deviation"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
