#!/usr/bin/env python3
"""What git leaves out, ub leaves out: random rules over a tree of odd names.

    ignore-cases.py DIR ROUNDS [SEED]
"""

import os
import random
import re
import subprocess
import sys

NAMES = ["a", "b", "ab", "a.o", "b.O", "foo", "foobar", "bar", "x y", "a]", "a-b", "[a]", "a\\b",
         "A", "a*b", "!n", "#h", "tr ", "\u00e9", "1", "_", "\\", "**"]
PIECES = ["a", "b", "ab", "foo", "bar", "*", "**", "?", "/", "/", "**/", "/**", "/**/", ".o", "[ab]",
          "[!a]", "[^a]", "[a-c]", "[]a]", "[!]a]", "[a-]", "[]-a]", "[[:alpha:]]", "[[:upper:]x]",
          "[![:digit:]]", "[\\]]", "[a\\]]", "\\a", "\\*", "\\\\", "\\", "[", "]", "[a", "!", "#", " ", "\\ ",
          "x y", "***", "a]", "-", "A", "[A-Z]", "[/]", "[!/]", "tr\\ ", "\u00e9", "[\u00e9]", "[b-a]", "[[:foo:]]", "[:a]",
          "[[:alpha:][:digit:]]", "[a-c-e]", "[\\a-\\c]", "[[]", "[[a]", "_", "1", "?*", "*?", "[--a]"]


def make(dirname):
    paths = []
    for one in NAMES:
        top = one
        os.makedirs(os.path.join(dirname, top))
        paths.append(top + "/")
        for two in sorted(set(NAMES[::3] + [one])):
            path = top + "/" + two
            if two == one or two in ("foo", "a*b"):
                os.mkdir(os.path.join(dirname, path))
                paths.append(path + "/")
                for three in NAMES[::4]:
                    open(os.path.join(dirname, path, three), "w").close()
                    paths.append(path + "/" + three)
            else:
                open(os.path.join(dirname, path), "w").close()
                paths.append(path)
    for one in NAMES:
        path = "f" + one
        open(os.path.join(dirname, path), "w").close()
        paths.append(path)
    return paths


def rule(r):
    text = "".join(r.choice(PIECES) for _ in range(r.choice([1, 1, 2, 2, 3, 3, 4, 5])))
    if r.random() < 0.15:
        text = "!" + text
    if r.random() < 0.2:
        text = "/" + text
    if r.random() < 0.2:
        text += "/"
    if r.random() < 0.1:
        text += r.choice([" ", "  ", "\r", "\\ ", " \r"])
    # "x**/y" git takes for one thing or the other, by where its strings lie in memory.
    return rule(r) if re.search(r"[^/*]\*\*", text) else text


def main():
    where, rounds = sys.argv[1], int(sys.argv[2])
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    tree = os.path.join(where, "tree")
    os.mkdir(tree)
    subprocess.run(["git", "init", "-q", tree], check=True)
    paths = make(tree)
    given = b"".join(os.fsencode(p) + b"\0" for p in paths)
    bare = given.replace(b"/\0", b"\0")
    rules = os.path.join(tree, ".gitignore")
    bad = 0
    for i in range(rounds):
        lines = [rule(r) for _ in range(r.choice([1, 1, 1, 2, 3]))]
        with open(rules, "wb") as f:
            f.write(os.fsencode("\n".join(lines) + "\n"))
        # What is in brackets git takes as it is, whatever the case.
        fold = i % 5 == 4 and not any("[" in line for line in lines)
        git = subprocess.run(["git", "-c", "core.ignoreCase=%s" % ("true" if fold else "false"), "check-ignore",
                              "--no-index", "--stdin", "-z"], cwd=tree, input=bare,
                             stdout=subprocess.PIPE).stdout
        ub = subprocess.run(["test-ignore", rules] + (["fold"] if fold else []), input=given,
                            stdout=subprocess.PIPE, check=True).stdout.replace(b"/\0", b"\0")
        if git != ub:
            a, b = set(git.split(b"\0")), set(ub.split(b"\0"))
            print("%r%s: git alone %r, ub alone %r" % (lines, " folded" if fold else "", sorted(a - b)[:3], sorted(b - a)[:3]))
            bad += 1
    print("%d rounds, %d paths, %d differ" % (rounds, len(paths), bad), file=sys.stderr)
    return bad > 0


sys.exit(main())
