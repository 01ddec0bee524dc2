"""Newton's method, with second derivatives from a second `backward`.

`backward(create_graph=True)` leaves a gradient that is itself part of a graph, so that calling `backward` on it gives
the second derivatives: of a function of one number, or row by row the Hessian of more.

Sources: the manner and the first function are those of step 33 in Saitoh, "Deep Learning from Scratch 3"; the second
function is from Rosenbrock, "An Automatic Method for Finding the Greatest or Least Value of a Function", 1960.
"""

import numpy as np

import autograd_cnn as ac


def two_wells(x):
    """Return x⁴ − 2x², least at −1 and at 1."""
    return x**4 - 2 * x**2


def rosenbrock(x):
    """Return the height of a narrow, curved valley, least at (1, 1)."""
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def newton_of_a_number(f, start, iterations):
    """Return the places that Newton's method visits."""
    x = ac.Tensor(np.array(start), requires_grad=True)
    path = [start]
    for _ in range(iterations):
        y = f(x)
        x.grad = None
        y.backward(create_graph=True)
        slope = x.grad
        x.grad = None
        slope.backward()
        x.data -= slope.data / x.grad
        path.append(x.item())
    return path


def newton(f, start, iterations):
    """Return the places that Newton's method visits in several dimensions."""
    path = [np.array(start)]
    for _ in range(iterations):
        x = ac.Tensor(path[-1], requires_grad=True)
        f(x).backward(create_graph=True)
        slope, hessian = x.grad, []
        for i in range(len(start)):
            x.grad = None
            slope[i].backward(retain_graph=True)
            hessian.append(np.asarray(x.grad))
        path.append(path[-1] - np.linalg.solve(hessian, slope.detach().numpy()))
    return np.stack(path)


def run():
    """Return the paths to the least values of both functions."""
    return newton_of_a_number(two_wells, 2.0, 9), newton(rosenbrock, [-1.2, 1.0], 7)


if __name__ == "__main__":
    for path in run():
        print(*path, sep="\n", end="\n\n")
