"""A cooling fin that loses heat by convection and radiation: the model of the five-minute tour.

Steady conduction along a straight fin, with T the temperature at x:

    k t T'' = 2 h (T - T_air) + 2 e s (T^4 - T_air^4),    T(0) = base temperature,    T'(L) = 0,

with thickness t, conductivity k, film coefficient h, emissivity e and the Stefan-Boltzmann constant s. Finite
volumes, Newton's method.
"""

import numpy as np

LENGTH, THICKNESS = 0.08, 0.002  # m
AIR = 293.0  # K
RADIATION = 2 * 0.9 * 5.670374419e-8  # both faces, emissivity 0.9, W/(m2 K4)


def simulate(base_temperature, film_coefficient, conductivity, nodes=81):
    """Temperature along the fin, and the heat that it takes from its base for each metre of width."""
    x = np.linspace(0.0, LENGTH, nodes)
    width = np.full(nodes, x[1])  # of the volume around each node
    width[[0, -1]] /= 2
    link = conductivity * THICKNESS / x[1]
    conduction = link * (2 * np.eye(nodes) - np.eye(nodes, k=1) - np.eye(nodes, k=-1))
    conduction[-1, -1] = link
    temperature = np.full(nodes, base_temperature)
    for _ in range(50):
        loss = 2 * film_coefficient * (temperature - AIR) + RADIATION * (temperature**4 - AIR**4)
        slope = 2 * film_coefficient + 4 * RADIATION * temperature**3
        residual = conduction @ temperature + width * loss
        jacobian = conduction + np.diag(width * slope)
        residual[0], jacobian[0], jacobian[0, 0] = 0.0, 0.0, 1.0  # the base keeps its temperature
        step = np.linalg.solve(jacobian, residual)
        temperature = temperature - step
        if np.abs(step).max() < 1e-9 * base_temperature:
            break
    heat = width @ (2 * film_coefficient * (temperature - AIR) + RADIATION * (temperature**4 - AIR**4))
    return {"coordinates": x, "temperature": temperature, "tip_temperature": temperature[-1], "heat": heat}
