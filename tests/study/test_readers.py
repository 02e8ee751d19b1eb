"""Every reader can be asked for in a study, by the names of its options."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from locum.highfidelity.readers import READERS, reader_of
from locum.study.reader_sections import ReaderSection

READER = TypeAdapter(ReaderSection)
ASKED = {
    "csv": {"path": "a.csv", "fields": {"T": "T", "u": ["ux", "uy"]}, "cells": "cells.csv"},
    "frd": {
        "path": "a.frd",
        "fields": {"u": "DISP", "s": {"block": "STRESS", "take": "von_mises", "frame": 2}},
    },
    "hdf5": {"path": "a.h5", "names": {"coordinates": "/x"}},
    "meshio": {"path": "a.vtu", "fields": {"T": "temperature"}},
    "netcdf": {"path": "a.nc", "coordinates": ["lon", "lat"], "time": "time"},
    "numpy": {"path": "a.npz"},
    "openfoam": {"fields": {"velocity": "U"}, "within": {"x": [-1.0, 2.0]}},
    "python": {"path": "os.path:exists"},
}


def test_all_of_them_are_asked_for_here():
    sections = get_args(get_args(ReaderSection)[0])
    kinds = {get_args(section.model_fields["kind"].annotation)[0] for section in sections}
    assert kinds == set(READERS) == set(ASKED)


@pytest.mark.parametrize("kind", ASKED)
def test_a_section_makes_its_reader(kind, tmp_path):
    section = READER.validate_python({"kind": kind, **ASKED[kind]})
    options = section.arguments(tmp_path)
    reader = reader_of(kind, options)
    assert {field.name for field in fields(reader)} >= set(options)


def test_a_name_alone_is_a_block_at_the_last_frame():
    reader = reader_of("frd", READER.validate_python({"kind": "frd", **ASKED["frd"]}).arguments(Path()))
    assert (reader.fields["u"].block, reader.fields["u"].take, reader.fields["u"].frame) == (
        "DISP",
        "all",
        -1,
    )
    assert (reader.fields["s"].take, reader.fields["s"].frame) == ("von_mises", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "frd", "path": "a.frd", "fields": {}},
        {"kind": "openfoam", "fields": {"p": "p"}, "within": {"r": [0.0, 1.0]}},
        {"kind": "openfoam", "fields": {"p": "p"}, "times": "first"},
        {"kind": "netcdf", "path": "a.nc", "coordinates": []},
        {"kind": "hdf5", "path": "a.h5"},
    ],
    ids=lambda wrong: wrong["kind"],
)
def test_a_section_refuses_what_its_reader_cannot_do(wrong):
    with pytest.raises(ValidationError):
        READER.validate_python(wrong)
