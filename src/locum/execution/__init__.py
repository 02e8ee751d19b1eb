"""Running studies: the workspace, clusters, simulations, the steps of the loop, progress, Prefect artifacts."""
