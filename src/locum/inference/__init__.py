"""Operator inference: reduced equations found from snapshots of a black box.

What is declared or found is how the parameters enter; the operators follow by least squares. McQuarrie,
Khodabakhshi and Willcox, SIAM J. Sci. Comput. 45(4), 2023, for evolution equations; the steady form is
locum's own.
"""

from locum.inference.operators import InferredOperators
from locum.inference.structure import Discovery, Structure, discover

__all__ = ["Discovery", "InferredOperators", "Structure", "discover"]
