"""Maps of vectors, and what they are worth."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from catsplit import maps
from catsplit.errors import CatsplitError


def three_groups(seed=0, each=20):
    random = np.random.default_rng(seed)
    middles = 8 * random.standard_normal((3, 12))
    labels = np.repeat(range(3), each)
    return middles[labels] + random.standard_normal((3 * each, 12)), labels


def test_a_map_of_groups_keeps_them_together_and_is_the_same_again():
    vectors, labels = three_groups()
    with warnings.catch_warnings():
        for kind in (UserWarning, RuntimeWarning, FutureWarning):
            warnings.simplefilter("error", kind)
        first, second = maps.umap(vectors, seed=3), maps.umap(vectors, seed=3)
    assert np.array_equal(first.places, second.places)
    assert first.trust == second.trust > 0.8
    assert not np.allclose(first.places, maps.umap(vectors, seed=4).places)
    assert first.places.shape == (60, 2)
    assert (labels[maps.nearest(first.places)] == labels).all()
    assert first.made == "UMAP, 15 neighbours, seed 3"


def test_what_umap_has_compiled_is_kept_for_the_next_process():
    from umap import layouts, umap_, utils

    maps.umap(three_groups()[0])
    for module in (layouts, umap_, utils):
        compiled = [one for one in vars(module).values() if getattr(one, "signatures", ())]
        assert compiled
        assert all(one.stats.cache_path for one in compiled)


def test_neighbours_and_min_dist_do_what_they_say():
    vectors, _ = three_groups()
    few, many = (maps.umap(vectors, neighbours=n).places for n in (4, 40))
    assert not np.allclose(few, many)
    gaps = []
    for distance in (0.0, 0.9):
        places = maps.umap(vectors, min_dist=distance).places
        # To the nearest, compared with the size of the whole.
        gaps.append(np.linalg.norm(places - places[maps.nearest(places)], axis=1).mean() / places.std())
    assert gaps[1] > 1.5 * gaps[0]


def test_trust_is_one_where_neighbours_stay_and_falls_where_they_dont():
    """Chapter 9 compares it with its definition, counted by hand."""
    random = np.random.default_rng(1)
    vectors, places = random.standard_normal((60, 5)), random.standard_normal((60, 2))
    some = maps.pca(vectors, near=3)
    assert some.trust == maps.trust(vectors, some.places, 3)
    assert maps.trust(places, places, 3) == 1 > some.trust > maps.trust(vectors, places, 3)


def test_pca_is_the_view_in_which_points_spread_most():
    vectors, _ = three_groups()
    _, axes = np.linalg.eigh(np.cov(vectors.T))
    places = maps.pca(vectors).places
    assert np.allclose(np.abs(places), np.abs((vectors - vectors.mean(0)) @ axes[:, [-1, -2]]), atol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_nearest_is_the_nearest(metric):
    vectors = np.random.default_rng(2).standard_normal((25, 4))
    distances = cdist(vectors, vectors, metric)
    np.fill_diagonal(distances, np.inf)
    assert maps.nearest(vectors, metric).tolist() == distances.argmin(1).tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda v: maps.umap(v[:20]), "20 points are too few for near=10: 21 or more"),
        (lambda v: maps.umap(v, neighbours=60), "60 neighbours needs more than 60 points"),
        (lambda v: maps.umap(v, neighbours=1), "at least 2 neighbours"),
        (lambda v: maps.umap(v, min_dist=2), "between 0 and 1"),
        (lambda v: maps.umap(np.where(np.arange(60)[:, None] == 7, np.nan, v)), "Vector 7 has NaN"),
        (lambda v: maps.pca(v[0]), r"shape \(N, D\), not \(12,\)"),
        (lambda v: maps.trust(v, v[:50, :2]), "60 vectors has as many places, not 50"),
        (lambda v: maps.nearest(v[:1]), "2 or more"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(CatsplitError, match=message):
        make(three_groups()[0])


def test_umap_is_loaded_only_when_a_map_is_drawn():
    code = "import sys, catsplit.maps; assert not {'umap', 'numba', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
