"""Versions of checked surrogates, champion and candidate, promotion and rollback."""

from locum.registry.environment import environment
from locum.registry.gate import CalibrationResult, Decision, promotion_gate
from locum.registry.registry import Promotion, Registry
from locum.registry.version import MANIFEST, Version

__all__ = [
    "MANIFEST",
    "CalibrationResult",
    "Decision",
    "Promotion",
    "Registry",
    "Version",
    "environment",
    "promotion_gate",
]
