"""What was asked of a surrogate and what followed: query log, outbox, retrainings, audits, drift, API keys.

All of it but the keys lives in tables of the study's catalogue. Who serves queries writes them; who watches
reads them; the loop takes from the outbox the parameters where a simulation is wanted.
"""

from locum.queries.audits import Audit, Audits, ClaimTest, claim_tests
from locum.queries.drift import Drift, drift
from locum.queries.jobs import Jobs
from locum.queries.keys import Key, Keys, Scope, add_key, remove_key
from locum.queries.log import Activity, LoggedQuery, QueryLog
from locum.queries.outbox import Exceedance, ExceedanceKind, Outbox, Retraining
from locum.queries.retraining import Triggers, TriggerState, why_not_now

__all__ = [
    "Activity",
    "Audit",
    "Audits",
    "ClaimTest",
    "Drift",
    "Exceedance",
    "ExceedanceKind",
    "Jobs",
    "Key",
    "Keys",
    "LoggedQuery",
    "Outbox",
    "QueryLog",
    "Retraining",
    "Scope",
    "TriggerState",
    "Triggers",
    "add_key",
    "claim_tests",
    "drift",
    "remove_key",
    "why_not_now",
]
