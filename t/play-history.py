# A few changes below src/, the same for the same number: files, links and folders that take each
# other's place, go, come again, and change what is in them or only their mode.
import os, random, shutil, sys
r = random.Random(int(sys.argv[1]))
def gone(p):
    shutil.rmtree(p) if os.path.isdir(p) and not os.path.islink(p) else os.path.lexists(p) and os.unlink(p)
for _ in range(5):
    d = r.choice(['src/a', 'src/a/b', 'src/c'])
    at = d
    while at != 'src':                  # what stands in the way of the folder
        if os.path.lexists(at) and not os.path.isdir(at):
            os.unlink(at)
        at = os.path.dirname(at)
    os.makedirs(d, exist_ok=True)
    p = '%s/n%d' % (d, r.randrange(4))
    what = r.randrange(7)
    if what == 3 and os.path.isfile(p) and not os.path.islink(p):
        os.chmod(p, r.choice([0o600, 0o644]))
    elif what == 6:
        gone(d)
    elif what != 3:
        gone(p)
    if what in (0, 1):
        open(p, 'w').write('%d\n' % r.randrange(3))
    elif what == 4:
        os.symlink(str(r.randrange(2)), p)
    elif what == 5:
        os.mkdir(p)
        open(p + '/big', 'w').write('x' * r.choice([3000, 70000]))
