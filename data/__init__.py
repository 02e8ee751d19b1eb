"""Small reference meshes and tables, each with its origin beside it; installed as ``locum.data``."""
