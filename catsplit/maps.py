"""Maps of vectors: many dimensions drawn on two, each map with a figure that says how far to trust it.

UMAP (McInnes, Healy & Melville, arXiv 1802.03426) tries to keep every point's nearest neighbours near, and gives up
what is far. PCA looks at the points from where they spread widest, and is the control that has nothing to choose.
Trustworthiness (Venna & Kaski, ICANN 2001) counts neighbours on the map that are none in the full space.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from catsplit.errors import CatsplitError

NEAR = 10  # neighbours that trustworthiness asks for


class Map(NamedTuple):
    """Places of points on a plane, and how far to trust them.

    Attributes:
        places: (N, 2) float64; neither axis has a unit or a meaning of its own.
        trust: trustworthiness of the map: 1 where each point's nearest on the map are its nearest in the full space;
            about a half where the map was drawn by chance.
        made: how, in a few words: "UMAP, 15 neighbours, seed 0".
    """

    places: np.ndarray
    trust: float
    made: str


def umap(
    vectors: np.ndarray,
    *,
    neighbours: int = 15,
    min_dist: float = 0.1,
    metric: str = "euclidean",
    seed: int = 0,
    near: int = NEAR,
) -> Map:
    """A map by UMAP. The same seed gives the same map on the same machine.

    The first call on a machine takes half a minute more, in which UMAP compiles itself.

    Args:
        vectors: (N, D).
        neighbours: how many points a point is held together with; few make islets, many show the whole.
        min_dist: how close points may be drawn, 0 to 1; it changes the picture and nothing that it rests on.
        metric: what "near" means among the vectors: "euclidean" or "cosine", or another one of scikit-learn's.
        seed: of everything random.
        near: neighbours that trustworthiness asks for; the same for all maps that are compared.

    Raises:
        CatsplitError: vectors of another shape, or with NaN or infinity; too few of them for these neighbours; a
            min_dist out of range.
    """
    vectors = _checked(vectors, near)
    if not 2 <= neighbours < len(vectors):
        raise CatsplitError(
            f"A map with {neighbours} neighbours needs more than {neighbours} points and at least 2 neighbours, "
            f"but there are {len(vectors)} points."
        )
    if not 0 <= min_dist <= 1:
        raise CatsplitError(f"min_dist must lie between 0 and 1, not be {min_dist}.")
    from threadpoolctl import threadpool_limits

    # One job: with a seed UMAP takes one in any case, and would warn of it.
    made = _compiled_once()(n_neighbors=neighbours, min_dist=min_dist, metric=metric, random_state=seed, n_jobs=1)
    # For so few points a second thread does nothing but wait in a spin.
    with threadpool_limits(1):
        places = made.fit_transform(vectors).astype(np.float64)
    return Map(places, trust(vectors, places, near, metric), f"UMAP, {neighbours} neighbours, seed {seed}")


def pca(vectors: np.ndarray, *, metric: str = "euclidean", near: int = NEAR) -> Map:
    """A map by PCA: the two directions in which the vectors spread most. It has no seed.

    Args:
        vectors: (N, D).
        metric, near: of its trustworthiness, as for `umap`.

    Raises:
        CatsplitError: vectors of another shape, with NaN or infinity, or too few of them.
    """
    vectors = _checked(vectors, near)
    from sklearn.decomposition import PCA

    places = PCA(2, svd_solver="full").fit_transform(vectors.astype(np.float64))
    return Map(places, trust(vectors, places, near, metric), "PCA")


def trust(vectors: np.ndarray, places: np.ndarray, near: int = NEAR, metric: str = "euclidean") -> float:
    """Trustworthiness of a map, 0 to 1 (Venna & Kaski 2001; scikit-learn's).

    Each point's `near` nearest on the map should be among its `near` nearest in the full space. One that is only the
    r-th there costs r - near.

    Args:
        vectors: (N, D).
        places: (N, 2).
        metric: of the vectors; on the map distances are Euclidean.

    Raises:
        CatsplitError: another number of places, NaN or infinity, or fewer than 2 · near + 1 points.
    """
    vectors, places = _checked(vectors, near), _checked(places, near)
    if len(vectors) != len(places):
        raise CatsplitError(f"A map of {len(vectors)} vectors has as many places, not {len(places)}.")
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(vectors, places, n_neighbors=near, metric=metric))


def nearest(vectors: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """The number of each point's nearest other point, (N,) int64.

    Args:
        vectors: (N, D), or the places (N, 2) of a map.

    Raises:
        CatsplitError: vectors of another shape, fewer than two, or with NaN or infinity.
    """
    from sklearn.metrics import pairwise_distances

    distance = pairwise_distances(_checked(vectors, 0), metric=metric)
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(1)


@cache
def _compiled_once() -> type:
    """UMAP, whose functions the next process has from numba's cache, as it has those that pynndescent compiles."""
    from numba.core.registry import CPUDispatcher
    from umap import UMAP, layouts, umap_, utils

    for module in (layouts, umap_, utils):
        for function in vars(module).values():
            if isinstance(function, CPUDispatcher):
                function.enable_caching()
    return UMAP


def _checked(vectors: np.ndarray, near: int) -> np.ndarray:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise CatsplitError(f"The vectors of a map must have the shape (N, D), not {vectors.shape}.")
    least = max(2 * near + 1, 2)
    if len(vectors) < least:
        raise CatsplitError(f"{len(vectors)} points are too few for near={near}: {least} or more are needed.")
    if rows := np.flatnonzero(~np.isfinite(vectors).all(1)).tolist():
        raise CatsplitError(f"Vector {rows[0]} has NaN or infinity in it: no map can hold it.")
    return vectors
