"""test_rules - the rules that every system of the bench has: as many as asked, one that matches.

usage: test_rules.py FOLDER-OF-BENCH
"""
import re
import sys
import unittest

MEASURED = ("/k0/0000000000000000", "/k17/00000000deadbeef", "/small")


class Sets(unittest.TestCase):
    def test_one_rule_matches_what_is_measured(self):
        for kind in rules.SETS:
            for n in (1, 10, 1000):
                patterns = rules.Rules(n, kind).patterns()
                self.assertEqual(len(set(patterns)), n)
                for path in MEASURED:
                    found = [i for i, one in enumerate(patterns) if re.search(one, path)]
                    self.assertEqual(found, [n // 2], path)

    def test_every_system_has_them_all(self):
        some = rules.Rules(100, "loose")
        self.assertEqual(len(some.nginx().splitlines()), 100)
        self.assertEqual(len(some.haproxy().splitlines()), 100)
        self.assertEqual(len(some.penstock()["bench"]), 100)

    def test_ours_see_the_path_without_its_slash(self):
        for kind in rules.SETS:
            some = rules.Rules(10, kind)
            for one, pattern in zip(some.penstock()["bench"], some.patterns()):
                ours = one["match"]["path_regex"]["pattern"]
                for path in (*MEASURED, "/app3/section/x", "/xfoo12bar", "/app3"):
                    self.assertEqual(bool(re.search(ours, path[1:])),
                                     bool(re.search(pattern, path)), (ours, path))

    def test_how_a_set_is_named(self):
        self.assertIsNone(rules.read("0"))
        self.assertEqual(rules.read("10"), rules.Rules(10, "anchored"))
        self.assertEqual(rules.read("1000:loose"), rules.Rules(1000, "loose"))
        for wrong in ("", "x", "10:tight", ":loose", "-1"):
            self.assertRaises(rules.RulesFault, rules.read, wrong)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[1])
    from rig import rules
    unittest.main(argv=sys.argv[:1])
