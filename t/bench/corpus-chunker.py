#!/usr/bin/env python3
"""Make the corpus that the chunker's tables were chosen and measured over.

usage: corpus-chunker.py DIR [MIB]      one file of MIB (default 64) per kind; takes a few minutes

Real bytes of this machine (/usr) where there are any, generated ones of the same shape elsewhere.
A fixed seed: the generated ones are the same everywhere.
"""
import array, base64, glob, math, os, random, subprocess, sys

out, size = sys.argv[1], int(sys.argv[2] if len(sys.argv) > 2 else 64) << 20
os.makedirs(out, exist_ok=True)
rnd = random.Random(2)
WORDS = ("the of and to in a is that for it as was with be by on not he his but at are this have "
	 "from or had an they which one you were all her she there would their we him been has when "
	 "who will no more if out so up said what its about than into them can only other time new "
	 "invoice customer payment street order shipped pending cancelled table server request").split()
NAMES = "Anna Bert Chloe David Emma Farid Grace Hugo Ines Jonas Kofi Lena Mia Noor Otto Priya".split()


def put(name, blocks):
	path = os.path.join(out, name)
	if os.path.exists(path):
		return
	print(name, file=sys.stderr)
	left = size
	with open(path + ".part", "wb") as f:
		for b in blocks:
			f.write(b[:left])
			left -= min(left, len(b))
			if not left:
				break
	os.rename(path + ".part", path)


def lines(fn):
	i = 0
	while True:
		yield "".join(fn(i + k) for k in range(1000)).encode()
		i += 1000


def command(cmd):
	p = subprocess.Popen(cmd, shell=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
	while True:
		b = p.stdout.read(1 << 20)
		if not b:
			break
		yield b
	p.wait()


def text():
	files = sorted(glob.glob("/usr/share/doc/**/*", recursive=True)
		       + glob.glob("/usr/include/**/*.h", recursive=True)
		       + glob.glob("/usr/lib/python3*/**/*.py", recursive=True))
	while True:
		for path in files:
			if os.path.isfile(path) and not path.endswith(".gz"):
				with open(path, "rb") as f:
					yield f.read(1 << 18)


def words(n):
	return " ".join(rnd.choice(WORDS) for _ in range(n))


def sql_orders(i):
	return (f"INSERT INTO orders VALUES({i},{1000 + i % 977},'2023-{1 + i // 90000 % 12:02}-"
		f"{1 + i // 3000 % 28:02} {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}',"
		f"'{rnd.choice(('new', 'paid', 'sent'))}',{rnd.randrange(100, 99999) / 100},NULL,0);\n")


def sql_flags(i):	# as little in a row as there can be
	return f"INSERT INTO flags VALUES({i},0,1,NULL,'',{rnd.randrange(2)});\n"


def sql_wide(first):	# one INSERT of many rows, as mysqldump writes them
	return ("INSERT INTO `users` VALUES " + ",".join(
		f"({first * 500 + k},'{rnd.choice(NAMES)}','{rnd.choice(NAMES).lower()}{k}@example.org',"
		f"NULL,'{words(3)}',{rnd.randrange(2)},0,0)" for k in range(500)) + ";\n")


def csv(i):
	return (f"2023-04-{1 + i // 86400 % 28:02}T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z,"
		f"sensor-{i % 12:02},{20 + 5 * math.sin(i / 9000):.2f},{rnd.randrange(40, 60)}\n")


def csv_zero(i):
	return ",".join("0" if rnd.random() < .97 else str(rnd.randrange(10)) for _ in range(40)) + "\n"


def json_log(i):
	return (f'{{"time":"2023-05-11T{i // 36000 % 24:02}:{i // 600 % 60:02}:{i // 10 % 60:02}Z",'
		f'"level":"{"info" if i % 9 else "warn"}","msg":"request","path":"/api/v1/items/'
		f'{rnd.randrange(5000)}","status":200,"ms":{rnd.randrange(1, 90)}}}\n')


def mbox():
	src, i = text(), 0
	while True:
		i += 1
		body = next(src)[:20000]
		head = (f"From a{i}@example.org Mon Jan  2 10:00:00 2023\nMessage-ID: <{i}@example.org>\n"
			f"Subject: {words(5)}\nMIME-Version: 1.0\n\n").encode()
		if i % 3 == 0:
			body = base64.encodebytes(rnd.randbytes(rnd.randrange(1 << 20)))
		yield head + body + b"\n\n"


def arrays(kind, fn):
	i = 0
	while True:
		yield array.array(kind, [fn(i + k) for k in range(65536)]).tobytes()
		i += 65536


def walk(step):
	x = [0.0]

	def fn(_):
		x[0] += rnd.gauss(0, step)
		return x[0]
	return fn


def image():
	disk = os.path.join(out, "disk.part")
	subprocess.run(f"rm -rf {out}/root && mkdir {out}/root && cp -r /usr/bin {out}/root/ && "
		       f"cp -r /usr/share/doc {out}/root/ && truncate -s 4G {disk} && "
		       f"mkfs.ext4 -q -F -d {out}/root {disk}", shell=True, check=True)
	yield from command(f"cat {disk}; rm -r {disk} {out}/root")


def database():
	db = os.path.join(out, "db.part")
	sql = "".join(sql_orders(i) for i in range(size // 60))
	subprocess.run(["sqlite3", db], check=True, text=True, input="create table orders(id integer "
		       "primary key,c,d,s,p,x,y);create index i on orders(c,d);begin;" + sql + "commit;")
	yield from command(f"cat {db}; rm {db}")


def ledger(i):		# records of one length
	return (f"{i:08d}EUR{rnd.randrange(10 ** 6):010d}{'CD'[rnd.randrange(2)]}"
		"          000000\r\n")


def track():
	lat, lon = walk(1e-5), walk(1e-5)
	return lines(lambda i: f"{52.5 + lat(i):.6f};{13.4 + lon(i):.6f};{34 + rnd.random():.1f}\r\n")


def two(a, b):		# two symbols, each as likely as the other
	table = bytes(a if i & 1 else b for i in range(256))
	while True:
		yield rnd.randbytes(1 << 20).translate(table)


def stripes():		# a mask of two values in long stretches
	while True:
		yield b"".join((b"\0", b"\1")[k & 1] * rnd.randrange(1, 90) for k in range(1000))


def fastq(i):
	return (f"@run7:{i}\n" + "".join(rnd.choices("ACGT", k=100)) + "\n+\n"
		+ "".join(rnd.choices("FFFFFFFF:,#", k=100)) + "\n")


def zero_mix():		# small records in a sea of zeros, never 256 KiB of them
	while True:
		yield rnd.randbytes(rnd.randrange(1, 600)) + bytes(rnd.randrange(1, 60000))


def counter():
	return lines(lambda i: f"{i:012}\n")


put("sql-orders", lines(sql_orders))
put("sql-flags", lines(sql_flags))
put("sql-wide", (sql_wide(i).encode() for i in range(1 << 30)))
put("csv", lines(csv))
put("csv-zero", lines(csv_zero))
put("json-log", lines(json_log))
put("mbox", mbox())
put("text", text())
put("tar-usr-lib", command("tar -cf - -C /usr/lib . | head -c 1G"))
put("ext4-image", image())
put("sqlite-db", database())
put("utf16", (b.decode("latin1").encode("utf-16-le") for b in text()))
put("utf16-cyrillic", ("".join(chr(0x400 + c) if c > 64 else chr(c) for c in b).encode("utf-16-le")
		       for b in text()))
put("utf8-cyrillic", ("".join(chr(0x400 + c % 128) if c > 64 else chr(c) for c in b).encode()
		      for b in text()))
put("double", arrays("d", walk(1.0)))
put("float", arrays("f", walk(0.1)))
put("int32-small", arrays("i", lambda _: int(rnd.expovariate(.05))))
put("int64-sorted", arrays("q", lambda i: i * 37 + rnd.randrange(37)))
put("pcm16", arrays("h", lambda i: int(9000 * math.sin(i / 37) + rnd.gauss(0, 300))))
put("bitmap", arrays("B", lambda i: (i // 3 % 640 // 5 + i // 1920 // 4 + rnd.randrange(3)) & 255))
put("base64", (base64.encodebytes(rnd.randbytes(57 << 10)) for _ in range(1 << 20)))
put("hexdump", command("cat /usr/bin/* | xxd | head -c 1G"))
put("dna", (("".join(rnd.choices("ACGT", k=60)) + "\n").encode() for _ in range(1 << 30)))
put("fastq", lines(fastq))
put("ledger", lines(ledger))
put("gps-track", track())
put("binary-digits", two(48, 49))
put("bytes-0-1", two(0, 1))
put("bytes-0-255", two(0, 255))
put("mask-stripes", stripes())
put("zero-mix", zero_mix())
put("counter", counter())
put("random", (rnd.randbytes(1 << 20) for _ in range(1 << 20)))
