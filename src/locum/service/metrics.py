"""What Prometheus is told."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from locum.service.answering import Answers

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RATIO = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 5.0, 10.0, 100.0)


class Metrics:
    """All metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = ("surrogate",)
        here: dict[str, Any] = {"registry": self.registry}
        self._of: dict[str, Any] = {}
        self.latency = Histogram(
            "locum_predict_seconds", "From a request's arrival to its answer", of, buckets=_LATENCY, **here
        )
        self.ratio = Histogram(
            "locum_error_figure_over_tolerance",
            "Largest error figure of a request",
            of,
            buckets=_RATIO,
            **here,
        )
        self.rows = Counter("locum_parameter_sets", "Parameter sets answered", of, **here)
        self.over = Counter("locum_over_tolerance", "Parameter sets over tolerance", of, **here)
        self.outside = Counter("locum_outside_domain", "Parameter sets outside the domain", of, **here)
        self.refused = Counter("locum_refused", "Requests answered with a problem", ("status",), **here)
        self.failures = Counter(
            "locum_background_failures", "Failed work in the background", ("task",), **here
        )
        self.version = Gauge("locum_champion_version", "Version that answers; 0 for none", of, **here)
        self.trusted = Gauge("locum_claims_stand", "0 where audits have refuted a claim", of, **here)
        self.outbox = Gauge("locum_outbox_depth", "Exceedances that wait", of, **here)
        self.audits = Gauge("locum_audits_waiting", "Answers that wait to be audited", of, **here)
        self.audited = Gauge("locum_audits_done", "Audited answers of the champion", of, **here)
        self.retrainings = Gauge("locum_retrainings", "Retrainings that queries started", of, **here)

    def answered(self, surrogate: str, answers: Answers, seconds: float) -> None:
        """Count one request."""
        mine = self._of.get(surrogate)
        if mine is None:
            metrics = (self.latency, self.ratio, self.rows, self.over, self.outside)
            mine = self._of[surrogate] = [each.labels(surrogate) for each in metrics]
        latency, ratio, rows, over, outside = mine
        latency.observe(seconds)
        ratio.observe(float(answers.ratios.max()))
        rows.inc(len(answers))
        if any(answers.counts):
            over.inc(answers.counts[0])
            outside.inc(answers.counts[1])
