"""Parameters to reduced coordinates and quantities of interest: Gaussian processes.

``predictor``, ``field_regression`` and ``quantity_regression`` answer with NumPy alone; ``gaussian_process``
fits, with gpytorch, and is imported only where something is fitted.
"""

from locum.regression.field_regression import (
    CoordinatePredictor,
    coordinate_predictor_from_arrays,
    fit_coordinates,
)
from locum.regression.predictor import Predictor, predictor_from_arrays
from locum.regression.quantity_regression import (
    QuantityPredictor,
    fit_quantities,
    quantity_predictor_from_arrays,
)

__all__ = [
    "CoordinatePredictor",
    "Predictor",
    "QuantityPredictor",
    "coordinate_predictor_from_arrays",
    "fit_coordinates",
    "fit_quantities",
    "predictor_from_arrays",
    "quantity_predictor_from_arrays",
]
