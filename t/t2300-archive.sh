#!/bin/sh

test_description='ub export and import: snapshots to archives and back'
. "${0%/*}/test-lib.sh"

list () {
	tar --numeric-owner --full-time -tvf "$1" >list.raw &&
	sort list.raw
}

test_expect_success 'setup: a tree with what tar can carry' '
	test_init_repo --device box &&
	mkdir -p tree/d/empty tree/d/deep &&
	test_random 3000000 1 >tree/d/big && test_random 70000 2 >tree/mid && printf hi >tree/small &&
	: >tree/none && ln tree/mid tree/d/again && ln tree/small tree/z && ln -s ../small tree/d/link &&
	mkfifo tree/fifo && chmod 2750 tree/d/deep && chmod 4755 tree/small &&
	truncate -s 3M tree/holes && printf end >>tree/holes &&
	printf odd >"tree/$(printf "\377\001x")" && printf u >"tree/$(printf "\303\244")" &&
	long=$(printf %0200d 7) && mkdir "tree/$long" && printf l >"tree/$long/$long" &&
	touch -d "2001-02-03 04:05:06.123456789 UTC" tree/mid &&
	touch -d "1960-02-03 04:05:06.5 UTC" tree/none &&
	printf "d\nz" >tree/d/nl &&
	touch -h -d "2002-02-03 04:05:06.25 UTC" tree/d/link &&
	tar -C tree --format=pax -cf gnu.tar . &&
	ub import --ref first -m "from tar" tar gnu.tar >id
'

test_expect_success 'an imported archive is a snapshot with its message, on a ref of its own' '
	ub rev-parse first >actual && test_cmp id actual &&
	test_must_fail ub rev-parse HEAD &&
	ub log first >log && test_grep "from tar" log && ub fsck &&
	ub verify first
'

test_expect_success 'restored, it is the tree' '
	ub restore --target out first &&
	(cd tree && find . -printf "%P %y %m %s %T@ %n %l\n" | sort) >expect &&
	(cd out && find . -printf "%P %y %m %s %T@ %n %l\n" | sort) >actual &&
	sed "/^ d/d" expect >e && sed "/^ d/d" actual >a && test_cmp e a &&
	diff -r --no-dereference -x fifo tree out
'

test_expect_success 'exported, GNU tar lists the same as of its own archive' '
	ub export first >ub.tar &&
	tar -tvf gnu.tar --full-time | sed "s| \./| |; s|link to \./|link to |; /:.* \$/d" |
		sed "s|/\$||" | tr -s " " | sort >expect &&
	tar -tvf ub.tar --full-time 2>err | sed "s|/\$||" | tr -s " " | sort >actual &&
	wc -l <expect >n1 && wc -l <actual >n2 && test_cmp n1 n2 &&
	grep -v "^h\|^-.* mid\|again\|small\|^-.* z\$" expect >e &&
	grep -v "^h\|^-.* mid\|again\|small\|^-.* z\$" actual >a && test_cmp e a
'

test_expect_success 'bsdtar and GNU tar unpack it to the same tree' '
	mkdir g b && tar -C g -xpf ub.tar 2>err && LC_ALL=C.UTF-8 bsdtar -C b -xpf ub.tar &&
	(cd tree && find . -printf "%P %y %m %s %n %l\n" | sort) | sed "/^ d/d" >expect &&
	for d in g b
	do
		(cd $d && find . -printf "%P %y %m %s %n %l\n" | sort) | sed "/^ d/d" >actual &&
		test_cmp expect actual && diff -r --no-dereference -x fifo tree $d || return 1
	done
'

test_expect_success 'tar, ub, tar, ub: the same tree, whichever compression' '
	ub rev-parse "first^{tree}" >expect &&
	for f in tar tar.gz tar.bz2 tar.xz tar.zst
	do
		ub export -o again.$f first && ub import --ref r tar again.$f &&
		ub rev-parse "r^{tree}" >actual && test_cmp expect actual || return 1
	done &&
	ub import --ref in tar - <ub.tar && ub rev-parse "in^{tree}" >actual && test_cmp expect actual
'

test_expect_success 'a part of a snapshot, and one file' '
	ub export first:d >d.tar && tar -tf d.tar | sort >actual &&
	printf "%s\n" again big deep/ empty/ link nl | sort >expect && test_cmp expect actual &&
	ub export first:d/big >f.tar && tar -xOf f.tar big >actual && test_cmp_bin tree/d/big actual
'

test_expect_success 'zip, cpio and 7zip hold the files' '
	for f in zip cpio 7zip
	do
		code=3 && if test $f = cpio; then code=0; fi &&
		test_expect_code $code ub export --format $f -o x.$f first &&
		{ LC_ALL=C.UTF-8 bsdtar -xOf x.$f d/big >actual || :; } &&
		test_cmp_bin tree/d/big actual && ub import --ref $f tar x.$f &&
		ub cat $f:d/big >actual && test_cmp_bin tree/d/big actual || return 1
	done
'

test_expect_success 'ACLs, attributes, owners and devices survive, and other tars read them' '
	if test "$(id -u)" = 0 && mkdir meta && : >meta/f && setfacl -m u:1234:rw,g:77:r meta/f &&
		mkdir meta/d && setfacl -d -m u:1234:rwx meta/d && setfattr -n user.k -v "a b" meta/f &&
		head -c 3000 /dev/zero | tr "\\0" x >val && setfattr -n user.long -v "$(cat val)" meta/f &&
		setfattr -n user.longer -v "$(cat val)" meta/f && mknod meta/null c 1 3
	then
		chown 1234:77 meta/f &&
		(cd meta && find . | LC_ALL=C sort >../names && getfacl -n - <../names && getfattr -d $(cat ../names)) >expect &&
		tar -C meta --acls --xattrs --format=pax -cf meta.tar . &&
		ub import --ref meta tar meta.tar && ub export meta >meta2.tar &&
		mkdir m1 m2 && tar -C m1 --acls --xattrs --same-owner -xpf meta2.tar &&
		bsdtar -C m2 --acls --xattrs --same-owner -xpf meta2.tar &&
		ub restore --target m3 meta &&
		for d in m1 m2 m3
		do
			(cd $d && getfacl -n - <../names && getfattr -d $(cat ../names)) >actual &&
			test_cmp expect actual && test "$(stat -c %t,%T $d/null)" = 1,3 || return 1
		done
	fi
'

test_expect_success 'below a prefix, with a tag, at a time' '
	ub import --ref p --prefix a/b --tag t1 tar d.tar && ub ls p >actual && echo a >expect &&
	test_cmp expect actual && ub cat p:a/b/big >actual && test_cmp_bin tree/d/big actual &&
	ub rev-parse p >expect && ub rev-parse t1 >actual && test_cmp expect actual
'

test_expect_success 'the second import has the first as its parent' '
	ub import --ref p tar d.tar && ub rev-parse t1 >expect && ub rev-parse p~1 >actual &&
	test_cmp expect actual
'

test_expect_success 'hostile names are left out, and the rest comes' '
	python3 "$TEST_DIRECTORY/archive-hostile.py" . &&
	test_expect_code 3 ub import --ref h tar hostile.tar 2>err &&
	test_grep "leads out" err && test_grep "too long" err && test_grep "not whole" err &&
	test_grep "too deep" err && test_grep "no folder" err && test_grep "not in the archive" err &&
	ub ls -r h >actual && test_cmp hostile.expect actual &&
	ub cat h:twice >actual && printf second >expect && test_cmp expect actual && ub fsck
'

test_expect_success 'what is cut off, empty or no archive makes no snapshot' '
	head -c 1000000 ub.tar >cut.tar && test_expect_code 6 ub import --ref cut tar cut.tar &&
	: >empty.tar && test_expect_code 6 ub import --ref cut tar empty.tar &&
	test_expect_code 6 ub import --ref cut tar tree/d/big &&
	gzip -c ub.tar | head -c 100000 >cut.tgz && test_expect_code 6 ub import --ref cut tar cut.tgz &&
	test_must_fail ub rev-parse cut
'

test_expect_success 'a bomb is refused' '
	truncate -s 300M zeros && tar --sparse -cf bomb.tar zeros &&
	test_expect_code 13 ub import --max-size 100M --ref bomb tar bomb.tar 2>err &&
	test_grep "max-size" err && test_must_fail ub rev-parse bomb
'

test_expect_success 'sockets are listed, and the rest is exported' '
	printf "140644 blob - -\ts\n" >lines && printf "100644 blob - 0\tf\n" >>lines &&
	(sed -n 1p lines | sed "s/^140644 blob/140644 socket/"; sed -n 1p /dev/null; echo "010644 fifo - -	a") >l &&
	if ub mktree <l >id.t 2>/dev/null
	then
		test_expect_code 3 ub export $(ub commit-tree -m s $(cat id.t)) >s.tar 2>err &&
		test_grep socket err && tar -tf s.tar >actual && echo a >expect && test_cmp expect actual
	fi
'

test_expect_success 'a format that nobody knows, and --dry-run' '
	test_expect_code 2 ub export --format rot13 first &&
	ub import -n --ref dry tar ub.tar && test_must_fail ub rev-parse dry
'

test_done
