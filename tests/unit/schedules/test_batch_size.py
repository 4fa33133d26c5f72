"""Batch policies against the figures of FasTrCaps."""

from caps_hvd.schedules.batch_size import AdaBatch, FixedBatch, calendar

SAMPLES = 60_000


def test_adabatch_grows_at_its_boundaries():
    found = {epoch + 1: AdaBatch(4)(epoch) for epoch in (0, 2, 3, 7, 8, 12, 13, 29)}
    assert found == {1: 1, 3: 1, 4: 16, 8: 16, 9: 32, 13: 32, 14: 64, 30: 64}


def test_adabatch_takes_the_steps_of_fastrcaps():
    steps = calendar(AdaBatch(4), 30, SAMPLES)
    assert steps.steps == (60_000,) * 3 + (3_750,) * 5 + (1_875,) * 5 + (938,) * 17
    assert steps.total == 224_071


def test_without_growth_it_stays_at_two_to_the_p():
    steps = calendar(AdaBatch(4, growth=False), 30, SAMPLES)
    assert steps.steps == (60_000,) * 3 + (3_750,) * 27
    assert steps.total == 281_250


def test_phases_are_stretches_of_one_batch_size():
    assert AdaBatch(4).phases(30) == (3, 5, 5, 17)
    assert AdaBatch(4, growth=False).phases(30) == (3, 27)
    assert AdaBatch(0, growth=False).phases(30) == (30,)
    assert FixedBatch(16).phases(30) == (30,)


def test_fixed_batch():
    assert calendar(FixedBatch(16), 2, 100).steps == (7, 7)
