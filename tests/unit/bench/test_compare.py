"""test_compare - what bench/compare calls noise, on figures made up here.

usage: test_compare.py PATH-OF-COMPARE
"""
import importlib.machinery
import importlib.util
import random
import sys
import unittest

PAIRS = 25
OPS = 60


def load(path):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("compare", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(module)
    return module


def figures(dice, mean, n=PAIRS):
    """As a shared machine gives them: 3 % of jitter, and one run in twenty much slower."""
    return [mean * dice.gauss(1, 0.03) * (1.5 if dice.random() < 0.05 else 1) for _ in range(n)]


class Judge(unittest.TestCase):
    def verdict(self, before, after, ops=OPS):
        return compare.judge(before, after, compare.ALPHA / ops)["verdict"]

    def test_a_build_against_itself_is_noise(self):
        wrong = 0
        for seed in range(100):
            dice = random.Random(seed)
            wrong += any(self.verdict(figures(dice, 100), figures(dice, 100)) != "noise"
                         for _ in range(OPS))
        self.assertLessEqual(wrong, 10)  # 5 expected at most: comparisons with a wrong verdict

    def test_a_fifth_is_seen_in_spite_of_the_noise(self):
        seen = 0
        for seed in range(100):
            dice = random.Random(seed)
            seen += self.verdict(figures(dice, 100), figures(dice, 120)) == "slower"
            seen += self.verdict(figures(dice, 120), figures(dice, 100)) == "faster"
        self.assertGreater(seen, 180)

    def test_what_falls_on_both_of_a_pair_does_not_hide_a_change(self):
        dice = random.Random(1)
        mood = [dice.uniform(1, 3) for _ in range(PAIRS)]
        before = [100 * m for m in mood]
        after = [97 * m for m in mood]
        self.assertEqual(self.verdict(before, after), "faster")

    def test_less_than_the_floor_is_noise_however_sure(self):
        self.assertEqual(self.verdict([1000.0] * PAIRS, [1005.0] * PAIRS), "noise")
        self.assertEqual(self.verdict([1000.0] * PAIRS, [1011.0] * PAIRS), "slower")

    def test_the_interval_holds_the_median_and_tells_what_would_be_missed(self):
        dice = random.Random(2)
        got = compare.judge(figures(dice, 100), figures(dice, 100), compare.ALPHA / OPS)
        self.assertLess(got["low"], got["change"])
        self.assertLess(got["change"], got["high"])

    def test_too_few_pairs_decide_nothing(self):
        self.assertEqual(compare.rank(5, 0.05), 0)
        self.assertEqual(compare.rank(6, 0.05), 1)
        self.assertEqual(compare.pairs_needed(0.05), 6)
        self.assertGreater(compare.rank(PAIRS, compare.ALPHA / OPS), 1)


if __name__ == "__main__":
    compare = load(sys.argv.pop(1))
    unittest.main()
