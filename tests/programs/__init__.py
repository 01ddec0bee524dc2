"""Ten small programs, each a file that reads by itself.

`python -m tests.programs.NAME` runs one and prints what it learned.

In plain NumPy, as HIPS autograd's users write them (`import numpy as np`, `from autograd_cnn import grad`):

- `neural_ode`: the motion on a spiral, learned through a Runge-Kutta solver
- `gaussian_process`: hyperparameters by marginal likelihood, with a Cholesky factor and SciPy's BFGS
- `mixture`: three Gaussians by natural gradient, which is expectation maximization
- `character_rnn`: a recurrent network that spells its own description
- `hmc`: samples of a distribution by Hamiltonian Monte Carlo
- `mlp_jax_style`: handwritten digits, with parameters in a list of pairs and a pure update, as in JAX

In the manner of PyTorch and DeZero (`import autograd_cnn as ac`, `backward`, optimizers):

- `newton`: Newton's method by `backward(create_graph=True)`
- `vae`: a variational autoencoder of digits
- `gan`: two networks against each other
- `super_resolution`: 8 × 8 pixels from 4 × 4, by convolutions and `pixel_shuffle`

`test_programs.py` runs each twice, here and in another framework: the same source, with the names that it imports
standing for the other's functions. What is computed on the way has to be the same to twelve digits.
"""
