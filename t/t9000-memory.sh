#!/bin/sh

test_description='no command takes more than 100 MB, whatever the size of what it works on

Peak resident size of the release build, as the kernel counts it.  Argon2id, whose memory is freed
before work begins, is kept small by --kdf 8M:1.'

. "${0%/*}/test-lib.sh"

test_have_prereq !SAN || test_skip_all 'a sanitizer takes memory of its own'
if test -x "$UB_RELEASE"; then :; else test_skip_all 'there is no release build'; fi
if test -x /usr/bin/python3; then :; else test_skip_all 'there is no python3 to measure with'; fi

LIMIT=100000 # of 1000 bytes each: 100 MB

cat >"$TRASH_DIRECTORY/peak.py" <<\END
import os, sys
limit, command = int(sys.argv[1]), sys.argv[2:]
pid = os.fork()
if pid == 0:
    os.execv(command[0], command)
_, status, usage = os.wait4(pid, 0)
status = os.waitstatus_to_exitcode(status)
print("%d KiB: %s" % (usage.ru_maxrss, " ".join(command[1:4])), file=sys.stderr)
if status == 0 and usage.ru_maxrss * 1024 > limit * 1000:
    sys.exit(99)
sys.exit(status)
END

# peak COMMAND...: the release build, within the limit.
peak () {
	/usr/bin/python3 "$TRASH_DIRECTORY/peak.py" $LIMIT "$UB_RELEASE" "$@"
}

# Where files are many a disk would be slow; what is left behind goes with the test.
scratch=$TRASH_DIRECTORY/scratch
if test -d /dev/shm && test -w /dev/shm
then
	scratch=$(mktemp -d /dev/shm/ub-memory.XXXXXX) || exit 1
else
	mkdir "$scratch"
fi
UB_DIR=$scratch/repo
export UB_DIR

test_expect_success 'setup' '
	echo password >pw &&
	"$UB_RELEASE" init --kdf 8M:1 --password-file pw >/dev/null &&
	/usr/bin/python3 - "$scratch" <<-\END
	import os, random, sys
	r = random.Random(1)
	words = [bytes(r.choices(b"abcdefghijklmnopqrstuvwxyz", k=r.randint(2, 9))) for _ in range(5000)]
	text = b" ".join(r.choices(words, k=500000))
	with open(sys.argv[1] + "/big", "wb") as f:
	    size = 0
	    for i in range(1000000):
	        if size >= 600 << 20:
	            break
	        size += f.write(b"%08d" % i + text[i * 7919 % 100000:])
	os.mkdir(sys.argv[1] + "/files")
	with open(sys.argv[1] + "/names", "wb") as names:
	    for i in range(200000):
	        name = b"%s/files/%06d" % (sys.argv[1].encode(), i)
	        with open(name, "wb", buffering=0) as f:
	            f.write(b"the content of a tiny file, the number %d, just too long for its tree\n" % i)
	        names.write(name + b"\n")
	END
'

test_expect_success 'hash-object of a large file' '
	peak hash-object "$scratch/big" >expect &&
	peak hash-object -w "$scratch/big" >big && test_cmp expect big
'

test_expect_success 'cat-object of a large file' '
	peak cat-object -p "$(cat big)" >"$scratch/again" && cmp "$scratch/big" "$scratch/again" &&
	rm "$scratch/again" "$scratch/big" && peak cat-object -s "$(cat big)"
'

test_expect_success 'hash-object of 200,000 tiny files' '
	peak hash-object -w --stdin-paths <"$scratch/names" >ids &&
	test_line_count 200000 ids && rm -rf "$scratch/files" "$scratch/names"
'

test_expect_success 'mktree of 300,000 entries' '
	one=$(sed 1q ids) && size=$("$UB_RELEASE" cat-object -s "$one") &&
	awk -v size="$size" "{ s = size + length(NR - 1 \"\") - 1
		printf \"100644 blob %s %d\\t%06d-a\\n\", \$1, s, NR
		if (NR % 2) printf \"100644 blob %s %d\\t%06d-b\\n\", \$1, s, NR }" ids >entries &&
	test_line_count 300000 entries &&
	peak mktree <entries >tree
'

test_expect_success 'cat-tree, commit-tree and rev-list of it' '
	peak cat-tree -l "$(cat tree)" >listed && test_cmp entries listed &&
	peak commit-tree -m many "$(cat tree)" >commit &&
	peak update-ref main "$(cat commit)" &&
	peak rev-list --objects main >objects &&
	test "$(wc -l <objects)" -gt 200000
'

test_expect_success 'pack of all objects' '
	peak pack <objects >packs && test -s packs && peak locate "$(cat tree)"
'

test_expect_success 'fsck and verify' '
	peak fsck && peak fsck --full && peak verify --deep
'

test_expect_success 'index --rebuild and --check' '
	peak index --rebuild && peak index --check
'

# A million stay below 70 MB; UB_TEST_FILES=1000000 tries it.
test_expect_success 'commits of many small files: the first, one of nothing new, one of some' '
	UB_DIR=$scratch/many && "$UB_RELEASE" init --kdf 8M:1 --password-file pw >/dev/null &&
	/usr/bin/python3 - "$scratch/small" "${UB_TEST_FILES:-20000}" <<-\END &&
	import os, sys
	for i in range(int(sys.argv[2])):
	    where = "%s/%04d/%02d" % (sys.argv[1], i // 1000, i // 100 % 10)
	    if i % 100 == 0:
	        os.makedirs(where)
	    with open("%s/a file of the name %08d" % (where, i), "wb", buffering=0) as f:
	        f.write(b"%d: small, but too large to stand in the tree: " % i + b"x" * (i % 200 + 40))
	END
	"$UB_RELEASE" add "$scratch/small" && peak commit -m first && sleep 0.1 && peak commit -m second &&
	find "$scratch/small" -type f | awk "NR % 100 == 0" | while read -r f; do echo more >>"$f"; done &&
	peak commit --json -m third >out && tail -n 1 out | grep "\"files_new\":0,\"files_changed\":$((${UB_TEST_FILES:-20000} / 100))," &&
	peak commit --force -m fourth && rm -rf "$scratch/small" "$scratch/many"
'

test_expect_success 'a commit of one folder of 100,000 names' '
	UB_DIR=$scratch/wide && "$UB_RELEASE" init --kdf 8M:1 --password-file pw >/dev/null && mkdir "$scratch/manynames" &&
	(cd "$scratch/manynames" && seq -f "%g-$(printf "n%.0s" $(seq 1 100))" 1 100000 | xargs touch) &&
	"$UB_RELEASE" add "$scratch/manynames" && peak commit -m first && sleep 0.1 && peak commit --json -m second >out &&
	tail -n 1 out | grep "\"files_unmodified\":100000" && rm -rf "$scratch/manynames" "$scratch/wide"
'

# Of 16 MiB, the largest there may be, there is but one in each place.
test_expect_success 'chunks of 16 MiB' '
	UB_DIR=$scratch/large && "$UB_RELEASE" init --kdf 8M:1 --password-file pw \
		--chunk-size 1M:14M:16M >/dev/null &&
	test_random 100000000 1 >random &&
	{ seq 1 4000000 && cat random && seq 1 3000000; } >mixture &&
	peak hash-object -w mixture >id && peak cat-object -p "$(cat id)" >again &&
	cmp mixture again && peak fsck --full && peak verify "$(cat id)"
'

rm -rf "$scratch"
test_done
