"""Surrogates, meshes and versions as documents."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from locum.queries import drift
from locum.service import documents as told
from locum.service.answering import Loaded
from locum.service.served import Served


def surrogate_document(served: Served) -> told.SurrogateDocument:
    """A surrogate, as its champion is."""
    together = served.champion
    loaded, work = together.loaded, served.work
    checked, description = loaded.checked, loaded.checked.description
    outputs = {}
    for name, known in loaded.outputs.items():
        field = description.fields.get(name)
        shape: dict[str, Any] = {}
        if field is not None:
            shape = {"dimensions": list(field.dimensions), "shape": list(field.shape)}
        outputs[name] = told.FieldDocument(**known, **shape)
    return told.SurrogateDocument(
        name=served.name,
        description=work.study.description,
        kind=checked.surrogate.kind,
        version=loaded.number,
        training_set=loaded.training_set,
        model=str(checked.manifest.get("model", work.model.name)),
        model_version=str(checked.manifest.get("model_version", work.model.version)),
        parameters=[told.ParameterDocument.model_validate(each) for each in description.space.to_dict()],
        outputs=outputs,
        nodes=description.mesh.nodes,
        times=None if description.times is None else description.times.tolist(),
        time_unit=description.time_unit,
        mesh=description.mesh.hash,
        domain={"distance_limit": checked.domain.distance_limit},
        trusted=together.trusted,
        claims={
            name: told.ClaimDocument.model_validate(test.to_dict()) for name, test in served.claims.items()
        },
    )


def mesh_document(loaded: Loaded) -> told.MeshDocument:
    """Where the fields of a version live."""
    description = loaded.checked.description
    mesh = description.mesh
    return told.MeshDocument(
        hash=mesh.hash,
        unit=mesh.unit,
        points=mesh.points.tolist(),
        cells=None if mesh.cells is None else mesh.cells.tolist(),
        times=None if description.times is None else description.times.tolist(),
        time_unit=description.time_unit,
    )


def versions_document(served: Served) -> told.VersionList:
    """All trained versions of a study."""
    registry = served.work.registry
    champion, candidate = registry.champion, registry.candidate
    alias = {champion: "champion", candidate: "candidate"}
    return told.VersionList(
        champion=champion,
        versions=[
            told.VersionDocument(
                version=version.number,
                alias=alias.get(version.number, ""),  # type: ignore[arg-type]
                created=version.created,
                training_set=version.training_set_hash,
                model_version=version.model_version,
            )
            for version in registry.versions()
        ],
    )


_LOOKED_AT = 10_000  # requests whose parameters are compared with the distribution


def monitoring_document(served: Served, why: str, seconds: float) -> told.MonitoringDocument:
    """What has been asked in the last so many seconds, and what followed."""
    since = time.time() - seconds
    total = served.log.activity(since, seconds + 60.0)
    names = served.work.space.names
    asked = [
        [values[name] for name in names]
        for query in served.log.recent(_LOOKED_AT, since)
        for values in query.sets
        if values.keys() == set(names)
    ]
    found = drift(served.work.space, np.array(asked).reshape(-1, len(names)))
    current = served.current
    return told.MonitoringDocument(
        surrogate=served.name,
        requests=sum(each.requests for each in total),
        rows=sum(each.rows for each in total),
        over=sum(each.over for each in total),
        outside=sum(each.outside for each in total),
        seconds=total[0].seconds if total else None,
        drift={name: told.DriftDocument.model_validate(each.to_dict()) for name, each in found.items()},
        outbox=served.outbox.depth(),
        retraining=why,
        retrainings=[
            told.RetrainingDocument.model_validate(asdict(each)) for each in served.outbox.retrainings()
        ],
        audits_waiting=served.audits.depth(),
        trusted=current.trusted if current else True,
        claims={
            name: told.ClaimDocument.model_validate(test.to_dict()) for name, test in served.claims.items()
        },
    )
