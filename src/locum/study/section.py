"""What all sections of a study file are: typed, closed, and documented key by key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from locum.parameters import unknown_name


class Section(BaseModel):
    """A mapping of known keys; an unknown one is refused with the likely one."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    raise ValueError(unknown_name("key", str(key), cls.model_fields))
        return given


class ModelKeys(Section):
    """The keys of a model, some of which may name files beside the study."""

    @property
    def cores_a_run(self) -> int | None:
        """Cores that one simulation takes; None where the study does not say."""
        return None

    @property
    def memory_a_run(self) -> int | None:
        """Bytes that one simulation takes; None where the study does not say."""
        return None

    def located(self, folder: Path) -> dict[str, Any]:
        """The keys that name files, as they are from anywhere."""
        return {}

    def decisive(self) -> dict[str, Any]:
        """The keys that results depend on, wherever the study is copied."""
        return self.model_dump(mode="json")


def located_name(path: str, folder: Path) -> str:
    """An import path whose file, where it names one, is absolute."""
    file, colon, name = path.rpartition(":")
    return f"{os.path.abspath(folder / file) if file.endswith('.py') else file}{colon}{name}"
