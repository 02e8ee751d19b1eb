"""Audits of answered queries: real simulations beside what was claimed, and a test of the claimed coverage.

The test is binomial, one-sided: were the claim right, so few covered answers would be seen with a probability
below the significance. It is repeated as audits come in, and a claim that is tested often enough fails by
chance. So it is made after 8, 16, 32, ... audits only, and the significance is spent over them: the k-th test
has 1 / (k (k + 1)) of it, which sums to one (as in alpha-spending, Lan and DeMets 1983).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import update

from locum.queries.rows import Rows
from locum.queries.tables import audits
from locum.snapshots import Database

SIGNIFICANCE = 0.01
FIRST_TEST = 8


@dataclass(frozen=True)
class Audit:
    """One answered parameter set that is simulated to see whether its figures hold.

    Parameters
    ----------
    answer, asked, version
        As in the query log.
    parameters
        Name to value.
    figures
        Output to the figure that was claimed; None where nothing was.
    errors
        Output to the true error, in the figure's measure; None until the simulation is done.
    reason
        Why there will be none; None where all is well.
    done
        When; None while it waits.
    """

    answer: str
    asked: float
    version: int
    parameters: Mapping[str, float]
    figures: Mapping[str, float | None]
    errors: Mapping[str, float] | None = None
    reason: str | None = None
    done: float | None = None
    id: int | None = None


@dataclass(frozen=True)
class ClaimTest:
    """What audits say of the coverage that is claimed for one output.

    Parameters
    ----------
    claimed
        Probability with which figures cover errors.
    covered, audits
        Answers whose figure covered the error, and all that were audited.
    probability
        Of so few covered answers, or fewer, in the audits up to the last test, were the claim right.
    refuted
        Whether one of the tests so far refuted the claim.
    """

    claimed: float
    covered: int
    audits: int
    probability: float
    refuted: bool

    def to_dict(self) -> dict[str, float | int | bool]:
        """Plain values."""
        return asdict(self)


_WAITS = audits.c.done.is_(None)


class Audits:
    """The audits of one study.

    Parameters
    ----------
    database
        The study's catalogue. Opened for reading only, audits that do not exist yet are none.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Rows(database, audits, Audit)

    def add(self, chosen: Sequence[Audit]) -> None:
        """Write down answers that are to be audited."""
        self._rows.add(chosen)

    def waiting(self, version: int, limit: int | None = None) -> list[Audit]:
        """Answers of a version that are still to be simulated, the oldest first."""
        return self._rows.read((audits.c.version == version) & _WAITS, limit)

    def done(self, version: int) -> list[Audit]:
        """Audited answers of a version, in the order in which they were asked."""
        return self._rows.read((audits.c.version == version) & audits.c.errors.is_not(None))

    def depth(self) -> int:
        """How many wait, of all versions."""
        return self._rows.count(_WAITS)

    def finish(self, audit: Audit, errors: Mapping[str, float] | None, reason: str | None = None) -> None:
        """Keep what the simulation of an audit found, or why it found nothing."""
        values = {"reason": reason, "done": time.time()} | (
            {} if errors is None else {"errors": dict(errors)}
        )
        with self._database.writing() as connection:
            connection.execute(update(audits).where(audits.c.id == audit.id).values(**values))

    def forget_others(self, version: int) -> None:
        """Give up what waits of other versions: it would test a claim that nobody makes any more."""
        others = (audits.c.version != version) & _WAITS
        values = {"reason": f"version {version} answers now", "done": time.time()}
        with self._database.writing() as connection:
            connection.execute(update(audits).where(others).values(**values))


def claim_tests(done: Sequence[Audit], claimed: float) -> dict[str, ClaimTest]:
    """Test the coverage that a version claims, for each output.

    Parameters
    ----------
    done
        Its audited answers, in the order in which they were asked.
    claimed
        The coverage; one for bounds, which a single error above its figure refutes.
    """
    names = {name: None for audit in done for name in audit.figures}
    return {name: _claim_test(_covered(done, name), claimed) for name in names}


def _covered(done: Sequence[Audit], output: str) -> list[bool]:
    """Whether each figure that was claimed covered its error."""
    claims = [(audit.figures.get(output), (audit.errors or {}).get(output)) for audit in done]
    return [error <= figure for figure, error in claims if figure is not None and error is not None]


def _claim_test(covered: Sequence[bool], claimed: float) -> ClaimTest:
    from scipy.stats import binom

    probability, refuted = 1.0, False
    number, size = 1, FIRST_TEST
    while size <= len(covered):
        probability = float(binom.cdf(sum(covered[:size]), size, claimed))
        refuted |= probability < SIGNIFICANCE / (number * (number + 1))
        number, size = number + 1, 2 * size
    if claimed == 1.0:
        refuted = not all(covered)
        probability = 0.0 if refuted else 1.0
    return ClaimTest(claimed, sum(covered), len(covered), probability, refuted)
