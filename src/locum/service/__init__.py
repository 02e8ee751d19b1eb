"""On-demand queries over HTTP: predictions with their error figures, real simulations, and what follows."""
