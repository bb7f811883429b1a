"""Write hostile.tar, with names as nobody means well by, and what must come of it."""
import io
import os
import sys
import tarfile

where = sys.argv[1]
with tarfile.open(os.path.join(where, "hostile.tar"), "w", format=tarfile.PAX_FORMAT) as tar:
    def add(name, data=b"", kind=tarfile.REGTYPE, link=""):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(data)
        tar.addfile(info, io.BytesIO(data))

    add("../out", b"x")
    add("a/../../out", b"x")
    add("/abs", b"absolute")
    add("good//./x", b"good")
    add("twice", b"first")
    add("twice", b"second")
    add("sym", kind=tarfile.SYMTYPE, link="/etc")
    add("sym/passwd", b"x")
    add("file", b"f")
    add("file/below", b"x")
    add("hard-out", kind=tarfile.LNKTYPE, link="../../etc/passwd")
    add("hard-nothing", kind=tarfile.LNKTYPE, link="nowhere")
    add("hard", kind=tarfile.LNKTYPE, link="file")
    add("n" * 5000, b"x")
    add("p/" * 3000 + "deep", b"x")
    add("m" * 1000000, b"x")
names = ["abs", "file", "good", "good/x", "hard", "m" * 100, "sym", "twice"]
with open(os.path.join(where, "hostile.expect"), "w", encoding="ascii") as out:
    out.write("".join(name + "\n" for name in names))
