"""Save samples until the system refuses: ``limited_file_size.py FOLDER BYTES``; prints what locum says."""

import resource
import sys

import numpy as np

from locum.exceptions import StorageError
from locum.highfidelity import Mesh, snapshot
from locum.snapshots import Cost, SnapshotStore

folder, size = sys.argv[1:]
store = SnapshotStore.open(folder, study="s", model="m", create=True)
small, large = store.plan([{"x": 0.0}, {"x": 1.0}], model="m", version="1", purpose="design")
generator = np.random.default_rng(0)
mesh = Mesh(np.linspace(0, 1, 20_000))
store.save(small, snapshot(mesh, {"u": (np.zeros(20_000), "K")}), Cost())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
try:
    store.save(large, snapshot(mesh, {"u": (generator.random(20_000), "K")}), Cost())
except StorageError as error:
    print(error)
