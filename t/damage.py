#!/usr/bin/python3
"""Damage a small repository byte by byte and see what ub says.

usage: damage.py UB REPO OID CONTENT-FILE STEP CLASS...

For each file of the given classes (packs, keys, index, refs, config) a byte is flipped at every
STEP-th offset, the file cut short, emptied, zeroed and swapped with another of its kind; each time

  - `ub fsck` must not say that all is well (the index: rebuilt, 5; the catalogue where it reads it:
    made again; the rest: 6, or the status of what cannot be opened), and must name the file or an
    object;
  - `ub cat-object -p OID` must give the right bytes, or a part of them and an error;
  - nothing crashes.

Prints one line for each broken promise and exits 1.
"""
import os, shutil, subprocess, sys

ub, repo, oid, content, step = sys.argv[1:6]
step, classes = int(step), sys.argv[6:]
want = open(content, 'rb').read()
pristine = repo + '.pristine'
failures = runs = 0


def restore():
    # What a healing run leaves in the index is its own; the rest must be as it was.
    shutil.rmtree(repo)
    shutil.copytree(pristine, repo, symlinks=True)


def run(*args):
    return subprocess.run([ub, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def complain(what, path, result):
    global failures
    failures += 1
    print('%s: %s: status %d: %s' % (os.path.relpath(path, repo), what, result.returncode,
                                     (result.stdout[-200:] + result.stderr[-300:])))
    if failures > 30:
        sys.exit(1)


def kind_of(path):
    rel = os.path.relpath(path, repo)
    if rel == 'config':
        return 'config'
    return rel.split('/')[0]


def accepted(kind, rel, status):
    if kind == 'index':         # a catalogue is made again, or damaged where it was not read
        return status in (0, 5) if rel.endswith(('lock', 'catalogue')) else status == 5
    if kind == 'config':        # a comment or a blank may change without harm
        return status in (0, 1, 2, 6, 10, 14)
    if kind == 'packs':
        return status == 6
    return status in (6, 14)    # a version that nobody knows is told from damage


def check(path, what):
    global runs
    runs += 1
    kind, rel, name = kind_of(path), os.path.relpath(path, repo), os.path.basename(path)
    result = run('cat-object', '-p', oid)
    if result.returncode < 0 or result.returncode >= 126 or b'Sanitizer' in result.stderr:
        complain(what + ': cat-object dies', path, result)
    elif result.returncode == 0 and result.stdout != want:
        complain(what + ': wrong bytes', path, result)
    elif not want.startswith(result.stdout):
        complain(what + ': wrong bytes before the error', path, result)
    if kind == 'index':         # cat-object may have healed it already: damage it again
        return
    result = run('fsck')
    judge(path, what, result)


def judge(path, what, result):
    kind, rel, name = kind_of(path), os.path.relpath(path, repo), os.path.basename(path)
    said = result.stdout + result.stderr
    if result.returncode < 0 or result.returncode >= 126 or b'Sanitizer' in result.stderr:
        complain(what + ': fsck dies', path, result)
    elif not accepted(kind, rel, result.returncode):
        complain(what + ': fsck has the wrong status', path, result)
    elif kind in ('packs', 'keys', 'refs') and name.encode() not in said and oid.encode() not in said:
        complain(what + ': fsck does not name it', path, result)


def damage(path, what, data):
    mode = os.stat(path).st_mode
    os.chmod(path, 0o600)
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, mode)
    check(path, what)
    if kind_of(path) == 'index':
        restore()
        with open(path, 'wb') as f:
            f.write(data)
        judge(path, what, run('fsck'))
        restore()
    else:
        os.chmod(path, 0o600)
        shutil.copyfile(os.path.join(pristine, os.path.relpath(path, repo)), path)
        os.chmod(path, mode)
        healed = os.path.join(repo, 'index')    # an index rebuilt without the damaged pack
        shutil.rmtree(healed)
        shutil.copytree(os.path.join(pristine, 'index'), healed)


shutil.rmtree(pristine, ignore_errors=True)
shutil.copytree(repo, pristine, symlinks=True)
files = sorted(os.path.join(d, n) for d, _, names in os.walk(repo) for n in names)
files = [f for f in files if kind_of(f) in classes and os.path.getsize(f) > 0]
for path in files:
    data = open(path, 'rb').read()
    for off in range(0, len(data), step):
        damage(path, 'flip at %d' % off,
               data[:off] + bytes([data[off] ^ 1 << off % 8]) + data[off + 1:])
    damage(path, 'flip at the end', data[:-1] + bytes([data[-1] ^ 128]))
    for size in sorted({0, 1, len(data) // 2, len(data) - 1}):
        damage(path, 'cut to %d' % size, data[:size])
    damage(path, 'longer', data + b'\0')
    damage(path, 'zeroed', bytes(len(data)))
    for other in files:
        if other != path and os.path.dirname(other) == os.path.dirname(path):
            damage(path, 'swapped with ' + os.path.basename(other), open(other, 'rb').read())
            break
print('%d damages, %d broken promises' % (runs, failures))
sys.exit(failures > 0)
