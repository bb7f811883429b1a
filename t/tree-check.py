#!/usr/bin/env python3
"""Is what a snapshot has of a folder, or file, what is on disk?

    tree-check.py [-x NAME]... PATH [REV]

Prints each difference, and fails if there are any: types, modes, owners and their names, times,
sizes, content (by the ids that ub hash-object gives), targets, devices, extended attributes, inode
flags, maps of holes.  -x: what is called so is not looked at.
"""

import array
import errno
import fcntl
import grp
import os
import pwd
import stat
import subprocess
import sys

FLAGS_KEPT = 0x6283C4FF  # fs/attr.h
SAFE = set(range(33, 127)) - set(b"%")


def quote(data):
    return "".join(chr(c) if c in SAFE else "%%%02X" % c for c in data)


def unquote(text):
    out = bytearray()
    i = 0
    raw = text.encode("latin-1")
    while i < len(raw):
        if raw[i] == 37:
            out.append(int(raw[i + 1:i + 3], 16))
            i += 3
        else:
            out.append(raw[i])
            i += 1
    return bytes(out)


def owner(kind, number):
    try:
        return (pwd.getpwuid if kind == "owner" else grp.getgrgid)(number)[0]
    except KeyError:
        return None


def holes(fd, size):
    out, at = [], 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_HOLE)
        except OSError:
            break
        if start >= size:
            break
        try:
            end = min(os.lseek(fd, start, os.SEEK_DATA), size)
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
            end = size
        out.append((start, end - start))
        at = end
    return out


def flags(fd):
    room = array.array("l", [0])
    try:
        fcntl.ioctl(fd, 0x80086601, room)
    except OSError:
        return 0
    return room[0] & FLAGS_KEPT


def xattrs(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}
    return {os.fsencode(n): os.getxattr(path, n, follow_symlinks=False) for n in names}


class Disk:
    def __init__(self, left_out):
        self.left_out = left_out
        self.found = {}
        self.paths, self.far = [], []  # files whose content is to be hashed

    def look(self, path, dirfd, name):
        st = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
        kind = stat.S_IFMT(st.st_mode)
        e = {"mode": "%06o" % st.st_mode, "uid": st.st_uid, "gid": st.st_gid}
        e["mtime"] = st.st_mtime_ns
        for key, number in (("owner", st.st_uid), ("group", st.st_gid)):
            e[key] = owner(key, number)
        e["size"] = st.st_size if kind in (stat.S_IFREG, stat.S_IFLNK) else None
        if kind == stat.S_IFLNK:
            e["target"] = os.fsencode(os.readlink(name, dir_fd=dirfd))
        if kind in (stat.S_IFCHR, stat.S_IFBLK):
            e["dev"] = "%d,%d" % (os.major(st.st_rdev), os.minor(st.st_rdev))
        e["xattrs"] = xattrs(b"/proc/self/fd/%d/%s" % (dirfd, name))
        self.found[path] = e
        if kind not in (stat.S_IFREG, stat.S_IFDIR):
            return
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME, dir_fd=dirfd)
        e["flags"] = flags(fd)
        if kind == stat.S_IFREG:
            e["holes"] = holes(fd, st.st_size)
            if st.st_size < 1 << 40:
                e["far"] = len(path) > 4000
                (self.far if e["far"] else self.paths).append(path)
                if e["far"]:
                    e["oid"] = self.ids([name], dirfd)[0]
        else:
            for child in sorted(os.listdir(fd)):
                child = os.fsencode(child)
                if child not in self.left_out:
                    self.look(path + b"/" + child, fd, child)
        os.close(fd)

    def ids(self, names, dirfd=None):
        where = {} if dirfd is None else {"preexec_fn": lambda: os.fchdir(dirfd)}
        run = subprocess.run(["ub", "hash-object", "--stdin-paths", "-z"], stdout=subprocess.PIPE,
                             input=b"".join(n + b"\0" for n in names), check=True, **where)
        return run.stdout.decode().split()

    def hash(self):
        if self.paths:
            for path, oid in zip(self.paths, self.ids([b"/" + p for p in self.paths])):
                self.found[path]["oid"] = oid


def snapshot(rev, path, left_out):
    run = subprocess.run(["ub", "cat-tree", "-l", "-r", "-t", "-z", rev], stdout=subprocess.PIPE,
                         check=True)
    out = {}
    for record in run.stdout.split(b"\0")[:-1]:
        head, name = record.split(b"\t", 1)
        if name != path and not name.startswith(path + b"/"):
            continue
        if any(part in left_out for part in name.split(b"/")):
            continue
        mode, kind, oid, size, *rest = head.decode("latin-1").split(" ")
        e = {"mode": mode, "kind": kind, "oid": oid, "size": None if size == "-" else int(size)}
        e["xattrs"] = {}
        for word in rest:
            key, value = word.split("=", 1)
            if key.startswith("xattr."):
                e["xattrs"][unquote(key[6:])] = unquote(value)
            elif key == "mtime":
                seconds, _, fraction = value.partition(".")
                ns = int(fraction.ljust(9, "0") or 0)
                e[key] = int(seconds) * 10**9 + ns
            elif key in ("uid", "gid"):
                e[key] = int(value)
            elif key in ("owner", "group", "target"):
                e[key] = unquote(value)
            elif key == "flags":
                e[key] = int(value, 0)
            elif key == "holes":
                at, e[key] = 0, []
                for one in value.split(","):
                    gap, length = map(int, one.split("+"))
                    e[key].append((at + gap, length))
                    at += gap + length
            else:
                e[key] = value
        out[name] = e
    return out


def main(args):
    left_out = set()
    while args[:1] == ["-x"]:
        left_out.add(os.fsencode(args[1]))
        args = args[2:]
    path = os.fsencode(os.path.realpath(args[0])).lstrip(b"/")
    rev = args[1] if len(args) > 1 else "HEAD"
    disk = Disk(left_out)
    parent = os.open(b"/" + os.path.dirname(path), os.O_RDONLY)
    sys.setrecursionlimit(100000)
    disk.look(path, parent, os.path.basename(path))
    disk.hash()
    snap = snapshot(rev, path, left_out)
    bad = 0
    for name in sorted(set(disk.found) | set(snap)):
        if name not in disk.found or name not in snap:
            print("only in the %s: %r" % ("snapshot" if name in snap else "disk", name))
            bad += 1
            continue
        a, b = disk.found[name], snap[name]
        for key in ("mode", "uid", "gid", "owner", "group", "mtime", "size", "target", "dev",
                    "xattrs", "flags", "holes", "oid"):
            want, got = a.get(key), b.get(key)
            if key == "oid" and want is None:
                continue
            if key in ("owner", "group") and got is not None:
                got = got.decode()
            if key == "holes" and "holes-id" in b:
                continue
            if key == "xattrs" and "xattrs-id" in b:
                continue
            if (want or None) != (got or None):
                print("%r: %s is %r on disk, %r in the snapshot" % (name, key, want, got))
                bad += 1
    print("%d entries" % len(disk.found), file=sys.stderr)
    return 1 if bad else 0


sys.exit(main(sys.argv[1:]))
