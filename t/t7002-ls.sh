#!/bin/sh

test_description='ub ls: what is in a folder of a snapshot'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device box &&
	test_random 300000 1 | ub hash-object -w --stdin >id.big &&
	cat >lines <<-EOF &&
	100644 blob $(cat id.big) - mtime=1678608900.000000000 owner=ann group=staff	big
	104755 blob - - mtime=1678608900.5 data=x uid=0 gid=7	setuid
	041777 blob - -	x
	EOF
	sed -i -e "/^04/d" -e "s/900\.5 /900.500000000 /" lines &&
	ub mktree <lines >id.sub &&
	cat >lines <<-EOF &&
	041777 tree $(cat id.sub) -	dir
	060660 block - - dev=259,3	block
	010644 fifo - -	fifo
	120777 blob - - target=dir/big	link
	100000 blob - - data=	none
	100644 blob - - data=a	"a\tb"
	100644 blob - - data=b	"\303\244"
	100644 blob - - data=c	"\377"
	EOF
	sed -i "s/ - - data=	none/ - 0	none/" lines &&
	ub mktree <lines >id.top &&
	ub update-ref main $(ub commit-tree -m one $(cat id.top))
'

test_expect_success 'names, one a line, sorted bytewise, odd ones quoted' '
	printf "%s\n" "\"a\\tb\"" block dir fifo link none "\"\\303\\244\"" "\"\\377\"" >expect &&
	ub ls >actual && test_cmp expect actual &&
	ub ls HEAD >actual && test_cmp expect actual &&
	ub ls latest: >actual && test_cmp expect actual &&
	ub ls $(cat id.top) >actual && test_cmp expect actual &&
	printf "a\tb\0block\0dir\0fifo\0link\0none\0\303\244\0\377\0" >expect &&
	ub ls -z >actual && test_cmp_bin expect actual
'

test_expect_success 'a folder, a file' '
	printf "big\nsetuid\n" >expect && ub ls latest:dir >actual && test_cmp expect actual &&
	ub ls HEAD:/dir/ >actual && test_cmp expect actual &&
	echo dir/big >expect && ub ls HEAD:dir/big >actual && test_cmp expect actual &&
	echo fifo >expect && ub ls HEAD:fifo >actual && test_cmp expect actual
'

test_expect_success '-r goes down' '
	ub ls -r >actual && sed -n "3,5p" actual >some &&
	printf "%s\n" dir dir/big dir/setuid >expect && test_cmp expect some
'

test_expect_success '-l shows as ls -l does' '
	cat >expect <<-\EOF &&
	-rw-r--r-- -        -                   1 -                "a\tb"
	brw-rw---- -        -          259,     3 -                block
	drwxrwxrwt -        -                   0 -                dir
	prw-r--r-- -        -                   0 -                fifo
	lrwxrwxrwx -        -                   7 -                link -> dir/big
	---------- -        -                   0 -                none
	-rw-r--r-- -        -                   1 -                "\303\244"
	-rw-r--r-- -        -                   1 -                "\377"
	EOF
	ub ls -l >actual && test_cmp expect actual &&
	cat >expect <<-\EOF &&
	-rw-r--r-- ann      staff          300000 2023-03-12 08:15 big
	-rwsr-xr-x 0        7                   1 2023-03-12 08:15 setuid
	EOF
	ub ls -l HEAD:dir >actual && test_cmp expect actual &&
	TZ=XYZ+2 ub ls -l HEAD:dir/big >actual && test_grep " 2023-03-12 06:15 dir/big$" actual
'

test_expect_success 'JSON has paths from the root, and ids also of what stands inline' '
	ub ls --json HEAD:dir >actual &&
	x=$(printf x | ub hash-object --stdin) &&
	cat >expect <<-EOF &&
	{"type":"file","path":"dir/big","size":300000,"mtime":"2023-03-12T08:15:00Z","mode":33188,"oid":"$(cat id.big)"}
	{"type":"file","path":"dir/setuid","size":1,"mtime":"2023-03-12T08:15:00.500000000Z","mode":35309,"oid":"$x"}
	EOF
	test_cmp expect actual &&
	ub ls --json HEAD:dir/big >actual && head -n 1 expect >one && test_cmp one actual &&
	ub ls --json >actual &&
	test_grep "\"path\":\"fifo\",\"size\":0,\"mtime\":null,\"mode\":4516,\"oid\":null}" actual &&
	test_grep "\"path_b64\":\"/w==\"" actual &&
	test_grep "\"path\":\"dir\",\"size\":0,\"mtime\":null,\"mode\":17407,\"oid\":\"$(cat id.sub)\"}" actual &&
	ub ls -r --json >actual && test_line_count 10 actual
'

test_expect_success 'a large folder is listed whole' '
	perl -e "printf qq(100644 blob - - data=x\tname-%05d\n), \$_ for 0 .. 9999" >lines &&
	ub mktree <lines >id.large && cut -f 2 lines >expect &&
	ub ls $(cat id.large) >actual && test_cmp expect actual &&
	printf "040755 tree $(cat id.large) -\tl\n" | ub mktree >id &&
	ub ls -r $(cat id):l >actual && test_cmp expect actual
'

test_expect_success 'names that do not exist are one clear sentence' '
	for name in nope HEAD:nope HEAD:dir/nope HEAD:dir/big/x HEAD:link/x HEAD~1
	do
		test_expect_code 1 ub ls $name >out 2>err && test_must_be_empty out &&
		test_grep "$name" err && test_line_count 1 err || return 1
	done &&
	test_expect_code 1 ub ls $(cat id.big) 2>err && test_grep "neither" err &&
	test_expect_code 1 ub ls --json HEAD:nope 2>err &&
	test_grep "^{\"type\":\"error\",\"code\":\"not_found\"" err &&
	test_expect_code 2 ub ls HEAD HEAD
'

test_expect_success 'a failed write is an error' '
	test_expect_code 1 ub ls -r >/dev/full 2>err && test -s err
'

test_done
