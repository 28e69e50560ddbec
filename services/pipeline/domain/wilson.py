"""How far a share of few cases may be from the true one.

Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal
of the American Statistical Association 22 (1927), 209-212, https://doi.org/10.2307/2276774.
"""

from math import sqrt

Z_95 = 1.959963984540054
"""The standard normal distribution lies within as many deviations in 95 of 100 cases."""


def wilson(won: int, cases: int, z: float = Z_95) -> tuple[float, float]:
    """
    Return the bounds, between 0 and 1, in which the true share lies in 95 of 100 samples.

    `won` of `cases`, which is not 0. The bounds are those of the score test: unlike the share plus
    and minus its own deviation they are right for few cases and for shares near 0 and 1.
    """
    share = won / cases
    middle = share + z * z / (2 * cases)
    reach = z * sqrt((share * (1 - share) + z * z / (4 * cases)) / cases)
    whole = 1 + z * z / cases
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)
