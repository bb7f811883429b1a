#!/bin/sh

test_description='ub search: each version of a file once, with its dates'
. "${0%/*}/test-lib.sh"

# snapshot N: of what `lines` says
snapshot () {
	ub mktree <lines >id.tree &&
	ub commit-tree -m "$1" ${tip:+-p $tip} $(cat id.tree) >id.c &&
	tip=$(cat id.c) && ub update-ref main $tip && echo $tip >>commits
}

test_expect_success 'setup: a hundred snapshots' '
	test_init_repo --device box && tip= &&
	for i in $(seq 1 100)
	do
		{
			echo "100644 blob - - data=$((i / 50))	a%_.txt" &&
			if test $i -le 30; then echo "100644 blob - - data=xy	gone"; fi &&
			echo "100644 blob - - data=$i	n.log"
		} >lines && snapshot $i || return 1
	done
'

test_expect_success 'each version once, with its first and last snapshot' '
	ub search --json "a*" >actual && test_line_count 3 actual &&
	for range in 1:49 50:99 100:100
	do
		test_grep "\"path\":\"a%_.txt\",.*\"first_commit\":\"$(sed -n ${range%:*}p commits)\",\"last_commit\":\"$(sed -n ${range#*:}p commits)\"" actual || return 1
	done &&
	ub search --json n.log >actual && test_line_count 100 actual &&
	ub search --json gone >actual && test_line_count 1 actual &&
	test_grep "\"last_commit\":\"$(sed -n 30p commits)\"" actual
'

test_expect_success 'what is gone is marked' '
	ub search gone >actual && test_grep "^- .*  gone$" actual &&
	ub search "a*" >actual && grep "^ " actual >now && test_line_count 1 now
'

test_expect_success 'nothing found is exit 1; marks of other languages are text' '
	test_expect_code 1 ub search nope >out && test_must_be_empty out &&
	test_expect_code 1 ub search "%" && test_expect_code 1 ub search "a.*" &&
	ub search "a%_*" >actual && test_line_count 3 actual &&
	test_expect_code 1 ub search "x'\'' OR 1=1 --"
'

test_expect_success 'terms' '
	ub search --at $(sed -n 10p commits) "*" >actual && test_line_count 3 actual &&
	ub search --size +1 gone >actual && test_expect_code 1 ub search --size -2 gone &&
	test_expect_code 1 ub search --type d "*" && ub search --type f -i GONE >actual &&
	ub search --regex "^(gone|nope)$" >actual && test_line_count 1 actual &&
	test_expect_code 1 ub search --before 2001-01-01 "*" &&
	test_expect_code 1 ub search --since 2200-01-01 "*"
'

test_expect_success 'the same after the catalogue was deleted, damaged, or is a newer one' '
	ub search --json "*" >before && rm "$UB_DIR/index/catalogue" &&
	ub search --json "*" >after 2>err && test_cmp before after && test_must_be_empty err &&
	for at in 3000 20000 40000
	do
		flip_bit "$UB_DIR/index/catalogue" $at && ub search --json "*" >after 2>err &&
		test_cmp before after || return 1
	done &&
	flip_bit "$UB_DIR/index/catalogue" 70 && ub search --json "*" >after 2>err &&
	test_cmp before after && test_grep "made again" err &&
	printf "\\377" | dd of="$UB_DIR/index/catalogue" bs=1 seek=8 conv=notrunc 2>/dev/null &&
	cp "$UB_DIR/index/catalogue" newer && ub search --json "*" >after 2>err &&
	test_cmp before after && test_grep "newer version.*made for this once" err &&
	cmp newer "$UB_DIR/index/catalogue" && ub index --rebuild >/dev/null
'

test_expect_success 'where the catalogue cannot be written it is made in memory' '
	rm -f "$UB_DIR/index/catalogue" && mkdir "$UB_DIR/index/catalogue" &&
	ub search --json "*" >after 2>err && test_cmp before after &&
	test_grep "made for this once" err && rmdir "$UB_DIR/index/catalogue"
'

test_expect_success 'snapshots that no ref reaches are not seen, unless they are asked for' '
	ub update-ref main $(sed -n 60p commits) &&
	ub search --json n.log >actual && test_line_count 60 actual &&
	ub search --json "a*" >actual && test_line_count 2 actual &&
	test_grep "\"last_commit\":\"$(sed -n 60p commits)\"" actual &&
	ub search --json --at $(sed -n 80p commits) n.log >actual && test_line_count 1 actual &&
	ub update-ref main $(sed -n 100p commits)
'

test_expect_success 'a folder in front narrows it; a slash takes the whole path' '
	blob="100644 blob - - data=q" &&
	sub=$(printf "%s	%s\n" "$blob" report-1 "$blob" report-2 | ub mktree) &&
	top=$(printf "040000 tree %s -	%s\n" $sub one $sub report-two | ub mktree) &&
	ub update-ref other $(ub commit-tree -m x $top) &&
	ub search "report-1" >actual && test_line_count 2 actual &&
	ub search "one/report*" >actual && test_line_count 2 actual &&
	ub search "/report*/*1" >actual && test_line_count 1 actual &&
	ub search "**/report-*" >actual && test_line_count 5 actual &&
	ub search --regex "two/report-1" >actual && test_line_count 1 actual &&
	ub search --regex "report-two" >actual && test_line_count 3 actual &&
	ub search -i --regex "^ONE/.*2$" >actual && test_line_count 1 actual &&
	ub search one "report-2" >actual && test_line_count 3 actual
'

# What the snapshots themselves say: every version, first and last.
cat >oracle.py <<'END'
import json, subprocess, sys
first, last, order = {}, {}, subprocess.check_output(['ub', 'rev-list', 'HEAD'], text=True).split()
for c in reversed(order):
    for line in subprocess.check_output(['ub', 'ls', '-r', '--json', c], text=True).splitlines():
        e = json.loads(line)
        is_dir = e['mode'] >> 12 == 4
        key = (e['path'].strip('/'), e['mode'] >> 12, '' if is_dir else e['oid'] or '')
        first.setdefault(key, c)
        last[key] = c
want = sorted((*k, first[k], last[k]) for k in first)
got = []
for line in sys.stdin:
    e = json.loads(line)
    got.append((e['path'], e['mode'] >> 12, e['oid'] or '', e['first_commit'], e['last_commit']))
if want != sorted(got):
    print(*('-%s' % (x,) for x in set(want) - set(got)), sep='\n')
    print(*('+%s' % (x,) for x in set(got) - set(want)), sep='\n')
    sys.exit(1)
print(len(want))
END

test_expect_success 'each version is what the snapshots say, through files that become folders and back' '
	(
		UB_DIR=$PWD/played && export UB_DIR && ub init --kdf 8M:1 --device box >/dev/null &&
		mkdir src && for i in $(seq 1 30)
		do
			/usr/bin/python3 "$TEST_DIRECTORY/play-history.py" $i && ub commit -q -m $i src || exit 1
		done &&
		ub search --json "*" | /usr/bin/python3 oracle.py >nr && test $(cat nr) -gt 50 &&
		rm played/index/catalogue && ub search --json "*" | /usr/bin/python3 oracle.py
	)
'

test_expect_success 'bad patterns and terms are refused with a sentence' '
	for p in "(" "((a{200}){200}){200}" "a{3,1}" "[z-a]"
	do
		test_expect_code 2 ub search --regex "$p" 2>err && test_line_count 1 err || return 1
	done &&
	test_expect_code 2 ub search && test_expect_code 2 ub search --size big x &&
	test_expect_code 2 ub search --type q x && test_expect_code 2 ub search --since never x
'

# Each snapshot listed by itself, and put together: what a search has to say, and no more.
test_expect_success PYTHON 'a random history: each version once with its dates, as listing every snapshot gives' '
	UB_DIR=$PWD/random && export UB_DIR && ub init --kdf 8M:1 --device box >/dev/null 2>&1 && mkdir r && "$PYTHON" - >oracle <<-\END
	import json, os, random, subprocess
	def ub(*args):
	    return subprocess.run(["ub"] + list(args), check=True, stdout=subprocess.PIPE).stdout.decode()
	r = random.Random(11)
	os.chdir("r")
	top = os.path.relpath(os.getcwd(), "/")
	names = ["a", "b.txt", "c.txt", "d", "e/f", "e/g.txt", "h/i/j", "h/i/k.txt", "x y", "l"]
	seen, order = {}, []
	for i in range(40):
	    for _ in range(r.randint(0, 4)):
	        name = r.choice(names)
	        subprocess.run(["rm", "-rf", name])
	        if r.random() < 0.75:
	            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
	            if r.random() < 0.1:
	                os.symlink(r.choice(["a", "b"]), name)
	            else:
	                open(name, "w").write(r.choice(["", "one", "two", "x" * 100, "y" * 100]))
	    ub("commit", "-q", "-m", str(i), ".")
	    order.append(ub("rev-parse", "HEAD").strip())
	    for line in ub("ls", "-r", "--json", "HEAD").splitlines():
	        j = json.loads(line)
	        kind = j["mode"] & 0o170000
	        key = (j["path"], kind, "" if kind == 0o040000 else j["oid"])
	        first, _ = seen.get(key, (i, i))
	        seen[key] = (first, i)
	for (path, kind, oid), (first, last) in sorted(seen.items()):
	    print(path, oct(kind), oid, order[first], order[last])
	END
	ub search --json "*" >found &&
	"$PYTHON" -c "
import json
rows = []
for line in open(\"found\"):
    j = json.loads(line)
    kind = j[\"mode\"] & 0o170000
    rows.append((j[\"path\"], kind, \"\" if kind == 0o040000 else j[\"oid\"], j[\"first_commit\"], j[\"last_commit\"]))
for path, kind, oid, first, last in sorted(rows):
    print(path, oct(kind), oid, first, last)" >answer && test_line_count $(wc -l <oracle) answer && test_cmp oracle answer &&
	rm "$UB_DIR"/index/catalogue && ub search --json "*" >again && test_cmp found again &&
	ub search --json --regex "." >again && test_cmp found again && ub search --json "**" >again && test_cmp found again &&
	ub search "*.txt" >one && ub search --regex "[.]txt$" >two && test_cmp one two
'

# A block in turn: 32 KiB each.  Not every one is read for an answer.
test_expect_success 'a damaged catalogue is made again, and the answer is the same' '
	UB_DIR=$PWD/random && export UB_DIR && size=$(wc -c <"$UB_DIR"/index/catalogue) && made=0 &&
	for at in $(seq 100 32768 $size)
	do
		flip_bit "$UB_DIR"/index/catalogue $at && ub search --json "*" >again 2>err && test_cmp found again ||
			return 1
		test ! -s err || test_grep "made again" err || return 1
		test ! -s err || made=$((made + 1))
	done &&
	test $made -ge 4
'

test_done
