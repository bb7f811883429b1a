#!/usr/bin/env python3
"""What git keeps, ub keeps, and nothing else: random work trees, and given ones.

    worktree-cases.py make DIR COUNT [SEED]     COUNT work trees in the new folder DIR
    worktree-cases.py list DIR                  the files below DIR that a snapshot is to have, each
                                                relative to DIR and ended by NUL, by asking git
"""

import os
import random
import subprocess
import sys

NAMES = ["a", "b", "src", "lib", "out", "build", "doc", "x y", "A", "a.o", "b.o", "a.c", "log", "a.log", "keep.log",
         "\u00e9", "[a]", "tmp", ".hidden", "Makefile", "!n", "#h", "-n", "*", "\\b", "+p"]
DIRS = ["src", "lib", "out", "build", "doc", "a", "b", "x y", "A", "tmp", ".hidden", "deep"]
RULES = ["*.o", "*.log", "!keep.log", "build/", "/build", "out", "out/", "/out/*", "!out/a.c", "tmp/**", "**/tmp/",
         "a", "b/", "!b/", "src/*.o", "src/**/a", "doc/*/", "!doc/a/", "*", "!*.c", "!*/", "lib/*", "!lib/keep.log",
         "[a-b].o", "\\#h", "\\!n", "x\\ y", ".hidden", "#comment", "", "A", "**/b/**", "deep/**/a.c", "/*", "!/src",
         "!.gitignore", ".gitignore", "*.c", "!src/", "a/", "!a/b", ".git", "-n", "\u00e9"]


def git(where, *args, check=True, **more):
    return subprocess.run(["git", "-C", where, "-c", "core.excludesFile=/dev/null"] + list(args), check=check,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more).stdout


def put(path, text):
    with open(path, "wb") as f:
        f.write(os.fsencode(text))


def rules(r, most):
    end = r.choice(["\n", "\n", "\n", "\r\n", ""])
    lines = [r.choice(RULES) for _ in range(r.randint(1, most))]
    return "\n".join(lines).replace("\n", "\r\n" if end == "\r\n" else "\n") + end


def fill(r, top, depth, nested, folds=False):
    # Where case folds but not in the file system, git takes "a" for the "A" that it tracks.
    for name in r.sample(NAMES, r.randint(2, 9)):
        if folds and name == "A":
            continue
        if not os.path.lexists(os.path.join(top, name)):
            put(os.path.join(top, name), name + str(r.random()))
    if r.random() < 0.2 and not os.path.lexists(os.path.join(top, "link")):
        os.symlink(r.choice(["a", "src", "nowhere"]), os.path.join(top, "link"))
    if r.random() < 0.45:
        if r.random() < 0.05:
            os.symlink("a", os.path.join(top, ".gitignore"))
        else:
            put(os.path.join(top, ".gitignore"), rules(r, 4))
    if depth == 0:
        return
    for name in r.sample(DIRS, r.randint(0, 4)):
        path = os.path.join(top, name)
        if os.path.lexists(path) or (folds and name == "A"):
            continue
        os.mkdir(path)
        if nested and r.random() < 0.12:
            tree(r, path, depth - 1, False)
        else:
            fill(r, path, depth - 1, nested, folds)


def everything(top):
    found = []
    for where, dirs, files in os.walk(os.fsencode(top)):
        dirs[:] = [d for d in dirs if d != b".git" and not os.path.lexists(os.path.join(where, d, b".git"))]
        found += [os.path.join(where, f) for f in files]
    return sorted(found)


def tree(r, top, depth, nested=True):
    os.makedirs(top, exist_ok=True)
    git(top, "init", "-q")
    folds = r.random() < 0.15
    if folds:
        git(top, "config", "core.ignoreCase", "true")
    fill(r, top, depth, nested, folds)
    if r.random() < 0.4:
        put(os.path.join(top, ".git/info/exclude"), rules(r, 3))
    # Some files are tracked, ignored ones too.
    chosen = [f for f in everything(top) if r.random() < r.choice([0.1, 0.5])]
    if r.random() < 0.2:
        git(top, "update-index", "--index-version", "4", check=False)
    if chosen:
        git(top, "add", "-f", "--pathspec-from-file=-", "--pathspec-file-nul", check=False,
            input=b"".join(b":(literal)" + os.path.relpath(f, os.fsencode(top)) + b"\0" for f in chosen))
    if r.random() < 0.7:
        git(top, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "m")
    for f in chosen:
        if r.random() < 0.1:
            os.unlink(f)
    if r.random() < 0.15:
        # Linked: .git is a file, the index is elsewhere, the rules are those of the first.
        where = top + "-linked"
        git(top, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "m")
        git(top, "worktree", "add", "-q", "--detach", where)
        fill(r, where, 1, False, folds)


def make(top, count, seed):
    r = random.Random(seed)
    os.mkdir(top)
    for i in range(count):
        tree(r, os.path.join(top, "t%d" % i), r.choice([1, 2, 3]))


def below(top, path):
    """All that is no folder, without asking git."""
    for where, dirs, files in os.walk(os.path.join(top, path)):
        links = [d for d in dirs if os.path.islink(os.path.join(where, d))]
        for name in files + links:
            yield os.path.relpath(os.path.join(where, name), top)


def expected(top, path):
    """Of one work tree: what git lists, its .git, and the work trees in it."""
    work = os.path.join(top, path)
    kept = set()
    for name in git(work, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0"):
        full = os.path.join(work, name)
        if name and os.path.lexists(full) and (os.path.islink(full) or not os.path.isdir(full)):
            kept.add(os.path.join(path, name))
    if os.path.isdir(os.path.join(work, b".git")):
        kept.update(below(top, os.path.join(path, b".git")))
    else:
        kept.add(os.path.join(path, b".git"))
    tracked = git(work, "ls-files", "-z").split(b"\0")
    found = []
    for where, dirs, _ in os.walk(work):
        dirs[:] = [d for d in dirs if d != b".git" and not os.path.islink(os.path.join(where, d))]
        for d in list(dirs):
            if os.path.lexists(os.path.join(where, d, b".git")):
                found.append(os.path.relpath(os.path.join(where, d), work))
                dirs.remove(d)
    for one in found:
        parts = one.split(b"/")
        parents = [b"/".join(parts[:i]) for i in range(1, len(parts))]
        out = set(git(work, "check-ignore", "--no-index", "-z", "--stdin", check=False,
                      input=b"".join(p + b"\0" for p in parents)).split(b"\0")) if parents else set()
        if all(p not in out or any(t.startswith(p + b"/") for t in tracked) for p in parents):
            kept |= expected(top, os.path.join(path, one))
    return kept


def main():
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1)
        return
    top = os.fsencode(sys.argv[2])
    kept = set()
    for one in sorted(os.listdir(top)):
        if os.path.lexists(os.path.join(top, one, b".git")):
            kept |= expected(top, one)
    sys.stdout.buffer.write(b"".join(k + b"\0" for k in sorted(kept)))


main()
