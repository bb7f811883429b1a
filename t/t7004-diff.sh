#!/bin/sh

test_description='ub diff: what differs between two snapshots'
. "${0%/*}/test-lib.sh"

# snapshot NAME <lines: a ref of that name for a snapshot of that tree
snapshot () {
	ub mktree >id.tree && ub commit-tree -m "$1" "$(cat id.tree)" >id.commit &&
	ub update-ref "$1" "$(cat id.commit)"
}

# differ ARGUMENTS: the exit status says that something does
differ () {
	test_expect_code 1 ub diff "$@"
}

test_expect_success 'setup' '
	test_init_repo --device box &&
	perl -e "print qq(\$_\n) for 1 .. 100" >old.txt && sed "s/^50$/fifty/" old.txt >new.txt &&
	test_random 70000 1 >old.bin && test_random 80000 2 >new.bin &&
	for f in old.txt new.txt old.bin new.bin
	do
		ub hash-object -w $f >id.$f || return 1
	done &&
	same=$(printf "100644 blob - - data=s\tsame\n" | ub mktree) &&
	gone=$(printf "100644 blob - - data=g\tg\n040755 tree $same -\tinner\n" | ub mktree) &&
	snapshot old <<-EOF &&
	100644 blob $(cat id.old.bin) -	bin
	020666 char - - dev=1,3	dev
	100644 blob - - data=x	file-to-folder
	040755 tree $gone -	gone
	120777 blob - - target=here	link
	100644 blob - - data=m mtime=1.000000000	meta-time
	100644 blob - - data=m	mode
	100644 blob - - data=m xattr.user.a=1	xattr
	040755 tree $same - mtime=1.000000000	touched
	100644 blob $(cat id.old.txt) -	text
	100644 blob - - data=t	to-link
	EOF
	snapshot new <<-EOF
	100644 blob $(cat id.new.bin) -	bin
	020666 char - - dev=1,5	dev
	040755 tree $same -	file-to-folder
	120777 blob - - target=there	link
	100644 blob - - data=m mtime=2.000000000	meta-time
	100600 blob - - data=m	mode
	100644 blob - - data=m xattr.user.a=2	xattr
	040755 tree $same - mtime=2.000000000	touched
	100644 blob $(cat id.new.txt) -	text
	120777 blob - - target=t	to-link
	100644 blob $(cat id.new.bin) -	new
	EOF
'

test_expect_success 'every kind of change has its letter' '
	cat >expect <<-\EOF &&
	M	bin
	M	dev
	T	file-to-folder
	A	file-to-folder/same
	D	gone
	D	gone/g
	D	gone/inner
	D	gone/inner/same
	M	link
	m	meta-time
	m	mode
	A	new
	M	text
	T	to-link
	m	touched
	m	xattr
	EOF
	differ old new >actual && test_cmp expect actual &&
	differ --name-status box/old box/new >actual && test_cmp expect actual &&
	cut -f 2 expect >names && differ --name-only old new >actual && test_cmp names actual
'

test_expect_success 'the other way round it is the opposite' '
	differ new old >actual &&
	test_grep "^A	gone/inner/same$" actual && test_grep "^D	new$" actual &&
	test_grep "^T	file-to-folder$" actual && test_grep "^D	file-to-folder/same$" actual
'

test_expect_success 'nothing differs from itself' '
	ub diff old old >actual && test_must_be_empty actual &&
	ub diff -p --json old old >actual && test_must_be_empty actual
'

test_expect_success 'a folder is named for its time only when nothing in it changed' '
	in1=$(printf "100644 blob - - data=1\tf\n" | ub mktree) &&
	in2=$(printf "100644 blob - - data=2\tf\n" | ub mktree) &&
	snapshot dirs1 <<-EOF &&
	040755 tree $in1 - mtime=1.000000000	both
	040755 tree $in1 - mtime=1.000000000	content-and-mode
	040755 tree $in1 - mtime=1.000000000	time
	EOF
	snapshot dirs2 <<-EOF &&
	040755 tree $in2 - mtime=2.000000000	both
	040700 tree $in2 - mtime=2.000000000	content-and-mode
	040755 tree $in1 - mtime=2.000000000	time
	EOF
	printf "M\tboth/f\nm\tcontent-and-mode\nM\tcontent-and-mode/f\nm\ttime\n" >expect &&
	differ dirs1 dirs2 >actual && test_cmp expect actual
'

test_expect_success 'paths limit it' '
	printf "D\tgone/inner\nD\tgone/inner/same\nM\ttext\n" >expect &&
	differ old new -- /text /gone/inner >actual && test_cmp expect actual &&
	differ old new -- /gone/inner/same /gone/inner/ /text /text/ >actual &&
	test_cmp expect actual &&
	ub diff old new -- /nowhere /gone/nothing >actual && test_must_be_empty actual &&
	differ old new >all && differ old new -- / >actual && test_cmp all actual
'

test_expect_success 'folders and files may be compared' '
	differ old:gone new:file-to-folder >actual &&
	printf "D\tg\nD\tinner\nA\tsame\n" >expect && differ old:gone new:file-to-folder >actual &&
	printf "D\tg\nD\tinner\nD\tinner/same\nA\tsame\n" >expect && test_cmp expect actual &&
	printf "M\ttext\n" >expect && differ old:text new:text >actual && test_cmp expect actual &&
	ub diff old:text old:text && ub diff $(cat id.old.txt) $(cat id.old.txt) &&
	differ -p $(cat id.old.txt) $(cat id.new.txt) >actual && test_grep "^+fifty$" actual &&
	differ old:file-to-folder new:file-to-folder >actual &&
	printf "T\tfile-to-folder\nA\tfile-to-folder/same\n" >expect && test_cmp expect actual
'

test_expect_success 'JSON has what the command line promises' '
	differ --json old new >actual && test_line_count 16 actual &&
	test_grep "^{\"type\":\"change\",\"status\":\"M\",\"path\":\"bin\",\"old_size\":70000,\"new_size\":80000}$" actual &&
	test_grep "^{\"type\":\"change\",\"status\":\"A\",\"path\":\"new\",\"old_size\":0,\"new_size\":80000}$" actual
'

test_expect_success 'odd names are quoted, and raw with -z' '
	printf "100644 blob - - data=x\t%s\n" "\"a\\nb\"" "\"\\377\"" "\"\\303\\244\"" |
		snapshot odd &&
	printf "" | snapshot none &&
	printf "A\t%s\n" "\"a\\nb\"" "\"\\303\\244\"" "\"\\377\"" >expect &&
	differ none odd >actual && test_cmp expect actual &&
	printf "A\0a\nb\0A\0\303\244\0A\0\377\0" >expect &&
	differ -z none odd >actual && test_cmp_bin expect actual &&
	differ --json none odd >actual && test_grep "\"path_b64\":\"/w==\"" actual
'

test_expect_success '-M pairs what was deleted and added with one content' '
	snapshot before <<-EOF &&
	100644 blob - 0	empty1
	100644 blob $(cat id.old.txt) -	one
	100644 blob $(cat id.old.txt) -	two
	100644 blob - - data=inline	small
	100644 blob $(cat id.old.bin) -	stays
	EOF
	moved=$(printf "100644 blob $(cat id.old.txt) -\ttwo\n" | ub mktree) &&
	snapshot after <<-EOF &&
	100644 blob - 0	empty2
	040755 tree $moved -	d
	100600 blob - - data=inline	other-mode
	100644 blob $(cat id.old.bin) -	copy
	100644 blob $(cat id.old.bin) -	stays
	100644 blob $(cat id.old.txt) -	three
	EOF
	cat >expect <<-\EOF &&
	A	copy
	A	d
	R	two	d/two
	D	empty1
	A	empty2
	R	small	other-mode
	R	one	three
	EOF
	differ -M before after >actual && test_cmp expect actual &&
	differ -M --json before after >actual &&
	test_grep "\"status\":\"R\",\"path\":\"d/two\",\"old_path\":\"two\",\"old_size\":292,\"new_size\":292}" actual &&
	printf "R\0two\0d/two\0" >expect &&
	differ -Mz before after -- /two /d/two >actual && test_cmp_bin expect actual &&
	differ -M -p before after >actual && test_grep "^rename from two$" actual &&
	test_grep "^old mode 100644$" actual && test_grep "^new mode 100600$" actual
'

test_expect_success 'with too many changes renames are given up, and that is said' '
	perl -e "printf qq(100644 blob - - data=x%d\tname-%05d\n), \$_, \$_ for 0 .. 20999" >lines &&
	ub mktree <lines >id.many && sed "s/name/moved/" lines | ub mktree >id.moved &&
	differ -M $(cat id.many) $(cat id.moved) >actual 2>err &&
	test_grep "too many" err && test_line_count 42000 actual && test_grep ! "^R" actual &&
	head -n 15000 lines | ub mktree >id.many &&
	sed "s/name/moved/" lines | head -n 15000 | ub mktree >id.moved &&
	differ -M $(cat id.many) $(cat id.moved) >actual 2>err && test_must_be_empty err &&
	test_line_count 15000 actual && test_grep ! "^[AD]" actual
'

test_expect_success '-p is what git diff shows' '
	differ -p old new -- /text >actual &&
	cat >expect <<-\EOF &&
	diff --git a/text b/text
	--- a/text
	+++ b/text
	@@ -47,7 +47,7 @@
	 47
	 48
	 49
	-50
	+fifty
	 51
	 52
	 53
	EOF
	test_cmp expect actual &&
	differ -p old new -- /bin >actual && test_grep "^Binary files a/bin and b/bin differ$" actual &&
	differ -p old new -- /mode >actual &&
	printf "diff --git a/mode b/mode\nold mode 100644\nnew mode 100600\n" >expect &&
	test_cmp expect actual &&
	differ -p old new -- /meta-time /touched /dev /xattr >actual && test_must_be_empty actual
'

test_expect_success GIT 'git apply takes a patch' '
	printf "a b\n\"q\n" >names && t1=$(printf "100644 blob %s -\ta b\n100644 blob - - data=q\t\"q\\\\\"\"\n" "$(cat id.old.txt)" | ub mktree) &&
	t2=$(printf "100755 blob %s -\ta b\n120777 blob - - target=x\tlink\n040755 tree $same -\tsub\n" "$(cat id.new.txt)" | ub mktree) &&
	differ -p $t1 $t2 >patch &&
	mkdir work && cp old.txt "work/a b" && printf q >"work/q\"" &&
	(cd work && GIT_CEILING_DIRECTORIES=$TRASH_DIRECTORY git apply ../patch) &&
	test_cmp new.txt "work/a b" && test -x "work/a b" && test "$(readlink work/link)" = x &&
	test "$(cat work/sub/same)" = s && test_path_is_missing "work/q\""
'

test_expect_success 'a large file is not compared line by line' '
	test_random 5000000 3 >large1 && { cat large1 && echo more; } >large2 &&
	l1=$(ub hash-object -w large1) && l2=$(ub hash-object -w large2) &&
	printf "100644 blob $l1 -\tf\n" | snapshot large1 &&
	printf "100644 blob $l2 -\tf\n" | snapshot large2 &&
	differ -p large1 large2 >actual && test_grep "^Large files a/f and b/f differ$" actual &&
	differ --stat large1 large2 >actual && test_grep "^ f | Bin 5000000 -> 5000005 bytes$" actual &&
	l1=$(yes x | head -n 400000 | ub hash-object -w --stdin) &&
	l2=$(yes y | head -n 400000 | ub hash-object -w --stdin) &&
	differ -p $l1 $l2 >actual && test_grep "^Large files" actual
'

test_expect_success '--stat counts lines and draws them' '
	differ --stat old new -- /text /bin /gone /link >actual &&
	cat >expect <<-\EOF &&
	 bin             | Bin 70000 -> 80000 bytes
	 gone/g          |   1 -
	 gone/inner/same |   1 -
	 link            |   2 +-
	 text            |   2 +-
	 5 files changed, 2 insertions(+), 4 deletions(-)
	EOF
	test_cmp expect actual &&
	perl -e "print qq(\$_\n) for 1 .. 1000" | ub hash-object -w --stdin >id.thousand &&
	long=$(perl -e "print q(n) x 90") &&
	printf "100644 blob %s -\t$long\n" "$(cat id.thousand)" | snapshot long &&
	differ --stat none long >actual && test_grep "^ \.\.\.n* | 1000 +*$" actual &&
	test "$(head -n 1 actual | wc -c)" -le 81
'

test_expect_success 'a large folder: what changed, and little else is read' '
	perl -e "printf qq(100644 blob - - data=x\tname-%06d\n), \$_ for 0 .. 29999" >lines &&
	ub mktree <lines >id.one &&
	sed -e "s/data=x	name-015000/data=y	name-015000/" -e "/name-020000/d" lines >changed &&
	printf "100644 blob - - data=x\tname-010000-more\n" >>changed &&
	ub mktree <changed >id.two &&
	printf "A\tname-010000-more\nM\tname-015000\nD\tname-020000\n" >expect &&
	differ $(cat id.one) $(cat id.two) >actual && test_cmp expect actual &&
	printf "D\tname-010000-more\nM\tname-015000\nA\tname-020000\n" >expect &&
	differ $(cat id.two) $(cat id.one) >actual && test_cmp expect actual &&
	printf "040755 tree $(cat id.one) -\td\n" | snapshot many &&
	differ none many >actual && test_line_count 30001 actual
'

test_expect_success 'of real folders exactly what was changed is named' '
	here=${PWD#/} &&
	mkdir -p real/a/b real/c real/gone && echo 1 >real/a/b/f && echo 2 >real/c/g &&
	echo 3 >real/c/stays && echo 4 >real/gone/x && ln -s f real/a/b/l &&
	test_random 100000 9 >real/c/big && ub add real && ub commit -m one &&
	echo more >>real/a/b/f && mv real/c/big real/a/big && rm -r real/gone &&
	ln -sf g real/a/b/l && chmod 700 real/c && echo 5 >"real/$(printf "n\\377")" &&
	ub commit -m two &&
	cat >expect <<-EOF &&
	M	$here/real/a/b/f
	M	$here/real/a/b/l
	R	$here/real/c/big	$here/real/a/big
	m	$here/real/c
	D	$here/real/gone
	D	$here/real/gone/x
	A	"$here/real/n\\377"
	EOF
	differ -M HEAD~1 HEAD >actual && test_cmp expect actual &&
	(cd real/c && differ -M HEAD~1 HEAD -- ../gone g) >actual &&
	grep gone expect >some && test_cmp some actual &&
	ub commit -m three && ub diff HEAD~1 HEAD >actual && test_must_be_empty actual &&
	(cd real && ub log --oneline -- gone) >actual && test_line_count 2 actual
'

test_expect_success 'paths are those that the system means, through links and where nothing is' '
	here=${PWD#/} && differ HEAD~2 HEAD~1 -- real/a >expect && test_grep "real/a/b/f" expect &&
	ln -s real way && mkdir -p far/away && ln -s ../../real/a far/away/in &&
	differ HEAD~2 HEAD~1 -- way/a >actual && test_cmp expect actual &&
	differ HEAD~2 HEAD~1 -- "$PWD/far/away/in" >actual && test_cmp expect actual &&
	(cd far/away/in && differ HEAD~2 HEAD~1 -- .) >actual && test_cmp expect actual &&
	differ HEAD~2 HEAD~1 -- far/away/in/../gone way/gone/x >actual &&
	printf "D\t%s\n" "$here/real/gone" "$here/real/gone/x" >expect &&
	test_cmp expect actual &&
	differ HEAD~2 HEAD~1 -- way/a/b/l >actual && printf "M\t%s\n" "$here/real/a/b/l" >expect &&
	test_cmp expect actual && (cd way && ub log --oneline -- gone) >actual &&
	test_line_count 2 actual && (cd far/away/in && ub cat HEAD:./b/f HEAD:../c/stays) >actual &&
	printf "1\nmore\n3\n" >expect && test_cmp expect actual
'

test_expect_success 'a path that is a link to a folder means the link and the folder' '
	mkdir -p links/d && echo 1 >links/d/f && ln -s d links/l && ub commit -m links links &&
	echo 2 >links/d/f && rm links/l && ln -s ./d links/l && ub commit -m other links &&
	differ HEAD~1 HEAD -- links/l >actual &&
	printf "M\t%s\n" "${PWD#/}/links/d/f" "${PWD#/}/links/l" >expect && test_cmp expect actual &&
	test_expect_code 2 ub diff HEAD~1 HEAD -- "" 2>err && test_grep "empty path" err
'

test_expect_success 'names that do not exist are one clear sentence' '
	for name in nope old:nope old:text/x old~1
	do
		test_expect_code 1 ub diff $name new >out 2>err && test_must_be_empty out &&
		test_grep "$name" err && test_line_count 1 err &&
		test_expect_code 1 ub diff new $name 2>err && test_grep "$name" err || return 1
	done &&
	test_expect_code 1 ub diff --json nope new 2>err &&
	test_grep "^{\"type\":\"error\",\"code\":\"not_found\"" err &&
	test_expect_code 2 ub diff old new old 2>err && test_grep "paths follow" err &&
	test_expect_code 2 ub diff old:gone new:text -- /g 2>err && test_grep "REV:PATH" err &&
	test_expect_code 2 ub diff -p --stat old new && test_expect_code 2 ub diff -pz old new
'

test_expect_success 'a failed write is an error' '
	test_expect_code 1 ub diff old new >/dev/full 2>err && test -s err
'

test_done
