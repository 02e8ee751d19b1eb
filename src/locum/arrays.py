"""Types of the arrays that travel through the house: float64 unless a docstring says otherwise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AnyArray = NDArray[Any]
