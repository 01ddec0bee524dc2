"""What `test_distributed.py` has several processes do: `mpiexec -n N python -m tests.distributed.cases NAME`.

Rank 0 prints the results as JSON.
"""

import json
import sys

import numpy as np

import autograd_cnn as ac
from autograd_cnn import distributed
from autograd_cnn.models import lenet5, resnet


def problem(count, dtype):
    rng = np.random.default_rng(3)
    params = {name: p.data.astype(dtype) for name, p in lenet5.init(rng).items()}
    return params, rng.random((count, 1, 28, 28)).astype(dtype), rng.integers(0, 10, count)


def loss(params, images, labels):
    return ac.softmax_cross_entropy(lenet5.apply(params, images), labels)


def gradients(comm):
    """Compare with one process, for batches that divide evenly, unevenly, and into nothing for some ranks."""
    found = {}
    for dtype in ("float32", "float64"):
        for count in (12, 7, 2, 1):
            params, images, labels = problem(count, dtype)
            value, got = distributed.value_and_grad(loss, comm)(params, images, labels)
            expected_value, expected = ac.value_and_grad(loss)(params, images, labels)
            again = distributed.value_and_grad(loss, comm)(params, images, labels)[1]
            assert all(np.array_equal(got[name], again[name]) for name in got), "the same bits, run after run"
            assert all(got[name].dtype == dtype and got[name].shape == expected[name].shape for name in got)
            scale = max(np.abs(g).max() for g in expected.values())
            found[f"{dtype} {count}"] = max(
                abs(value - float(expected_value)),
                *(float(np.abs(got[name] - expected[name]).max() / scale) for name in got),
            )
    return found


def shapes_of_graphs(comm):
    """Tied weights, a parameter that no rank or only one uses, slices, a checkpoint, and buckets of one gradient."""
    x = np.random.default_rng(0).standard_normal((6, 4))
    weights = [ac.Tensor(np.eye(4) * (i + 1), requires_grad=True) for i in range(5)]
    tied, unused, alone, sliced, inside = weights

    def total(rows):
        h = ac.tanh(rows @ tied) @ tied
        h = ac.checkpoint(lambda h, w: ac.tanh(h @ w))(h, inside)
        out = ac.sum(h * sliced[1]) + ac.sum(h * sliced[0])
        return out + ac.sum(alone) if comm.rank == comm.size - 1 else out

    outcome = {}
    for bucket in (1, 1 << 20):
        reducer = distributed.Reducer(weights, comm, bucket)
        found = reducer.gradients(total(distributed.share(x, comm)))
        assert found[1] is None, "no rank uses it"
        for w in weights:
            w.grad = None
        (total(x) + (0 if comm.rank == comm.size - 1 else ac.sum(alone))).backward()
        expected = [w.grad for w in weights]
        assert unused.grad is None
        outcome[str(bucket)] = max(
            float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True) if e is not None
        )
    return outcome


def synchronized(comm):
    """Compare batch norm over even and uneven shares with one process: gradients and running statistics."""
    found = {}
    rng = np.random.default_rng(0)
    made = resnet.init(rng, in_channels=1, depth=8)
    params = {name: p.data.astype(np.float64) for name, p in made.items() if p.requires_grad}
    for count in (12, 7, comm.size):
        images, labels = rng.random((count, 1, 28, 28)), rng.integers(0, 10, count)
        running = [{n: p.data.astype(np.float64) for n, p in made.items() if not p.requires_grad} for _ in range(2)]

        def loss_with(statistics):
            return lambda params, x, y: ac.softmax_cross_entropy(
                resnet.apply({**params, **statistics}, x, training=True), y
            )

        expected_value, expected = ac.value_and_grad(loss_with(running[0]))(params, images, labels)
        step = distributed.value_and_grad(loss_with(running[1]), comm, sync_batch_norm=True)
        value, got = step(params, images, labels)
        scale = max(np.abs(g).max() for g in expected.values())
        found[str(count)] = max(
            abs(value - float(expected_value)),
            *(float(np.abs(got[name] - expected[name]).max() / scale) for name in got),
            *(float(np.abs(running[0][name] - running[1][name]).max()) for name in running[0]),
        )
    try:
        step(params, images[:1], labels[:1])
    except ValueError as error:
        found["refused"] = str(error)
    return found


def start(comm):
    """Begin with the parameters of rank 0, and refuse what differs."""
    params = lenet5.init(np.random.default_rng(comm.rank))
    distributed.broadcast(params, comm)
    same = all(
        np.array_equal(p.data, q.data)
        for p, q in zip(params.values(), lenet5.init(np.random.default_rng(0)).values(), strict=True)
    )
    for dtype in ("float16", "float64"):
        odd = {
            "scale": ac.Tensor(np.array(comm.rank + 0.5, dtype)),
            "rows": ac.Tensor(np.full((2, 3), comm.rank, dtype, order="F")),
        }
        distributed.broadcast(odd, comm)
        assert odd["scale"].item() == 0.5, "without axes"
        assert not odd["rows"].data.any(), "in another order of memory"
    distributed.require_same({"lr": 0.1}, comm)
    refused = []
    for given, what in [({"lr": 0.1, "seed": min(comm.rank, 1)}, "the option")]:
        try:
            distributed.require_same(given, comm, what)
        except distributed.DistributedError as error:
            refused.append(str(error))
    try:
        distributed.broadcast({"w": ac.Tensor(np.zeros(2 + comm.rank))}, comm)
    except distributed.DistributedError as error:
        refused.append(str(error))
    return {"same": comm.allgather(same), "refused": refused}


if __name__ == "__main__":
    world = distributed.world()
    result = globals()[sys.argv[1]](world)
    if world.rank == 0:
        print(json.dumps({"size": world.size, "result": result}))
