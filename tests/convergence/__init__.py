"""Any order, duplication, loss or crash of events ends in the same index: random histories, on both stores.

`histories` makes them, `harness` is the queue, the storage and the reader beside them, `worker` the process that
indexes and is killed. `test_convergence` runs three seeds; `make soak` runs more (`CONVERGENCE_SEEDS`).
"""
