"""Running studies: workspace, cluster, simulations, the steps of the loop, progress, Prefect artifacts."""
