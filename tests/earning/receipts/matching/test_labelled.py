"""Precision and recall on the held-out half of the labelled set."""

import pytest

from backend.earning.receipts.matching import Catalogue
from tests.earning.receipts.matching.labelled import evaluation, lines, products, samples, unseen


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue(lines.catalogue())


def half(held_out):
    return [line for line in lines.lines() if line.held_out is held_out]


def test_labelled_set_is_large_with_disjoint_halves():
    families = {product.family for product in products.products()}

    labelled = lines.lines()

    assert len(labelled) >= 600
    assert {products.is_held_out(family) for family in families} == {True, False}
    assert sum(line.truth is None for line in labelled) >= 200


def test_held_out_credits_are_right_and_beat_wratio(catalogue):
    plain = evaluation.wratio(lines.catalogue())
    dev, held_out = half(False), half(True)
    threshold = evaluation.best_threshold(dev, [plain(line) for line in dev])

    ours = evaluation.ours(catalogue, held_out)
    theirs = evaluation.at_threshold(held_out, [plain(line) for line in held_out], threshold)

    assert ours.precision >= 0.99, ours
    assert ours.recall >= 0.55, ours
    assert ours.recall >= theirs.recall + 0.3, (ours, theirs)


def test_other_author_credits_are_right_and_beat_wratio():
    entries, labelled = [*lines.catalogue(), *unseen.entries()], unseen.lines()
    plain = [evaluation.wratio(entries)(line) for line in labelled[::4]]
    # The threshold that is best for these very lines: the baseline may know its answers.
    theirs = evaluation.at_threshold(labelled[::4], plain, evaluation.best_threshold(labelled[::4], plain))

    ours = evaluation.ours(Catalogue(entries), labelled)

    assert len(labelled) >= 500
    assert ours.precision >= 0.99, ours
    assert ours.recall >= theirs.recall + 0.3, (ours, theirs)


def test_generated_lines_are_repeatable():
    assert lines.lines() == lines.lines()


def test_real_names_are_never_credited_wrongly():
    real = samples.real_lines()
    if not real:
        pytest.skip("SCANBACK_SAMPLES is not set")

    ours = evaluation.ours(Catalogue([*lines.catalogue(), *samples.entries()[0]]), real)

    assert ours.credited == ours.right, ours
    assert ours.recall >= 0.3, ours
