#!/bin/sh

test_description='ub chunk: where files are cut'
. "${0%/*}/test-lib.sh"

UB_PASSWORD=pw
export UB_PASSWORD

sum_sizes () {
	awk '{ s += $1 } END { printf "%d\n", s }' "$1"
}

test_expect_success 'setup' '
	ub init --kdf 8M:1 >out 2>err &&
	test-random 12000000 1 >random
'

test_expect_success 'pieces lie back to back and make up the file' '
	ub chunk random >pieces &&
	awk "\$1 != off { exit 1 } { off += \$2 } END { exit off != 12000000 }" pieces &&
	test_grep ! -v " data$" pieces
'

test_expect_success '--sizes prints the second column' '
	cut -d" " -f2 pieces >expect && ub chunk --sizes random >actual && test_cmp expect actual
'

test_expect_success 'sizes keep to the bounds' '
	sed \$d expect >inner &&
	awk "\$1 < 262144 || \$1 > 4194304 { exit 1 }" inner
'

test_expect_success 'standard input is cut like a file, however slowly it comes' '
	ub chunk --sizes - <random >actual && test_cmp expect actual &&
	dd if=random bs=70001 2>/dev/null | ub chunk --sizes - >actual && test_cmp expect actual
'

test_expect_success '--json says the same' '
	ub chunk --json random >json &&
	sed "s/.*\"size\":\([0-9]*\).*/\1/" json >actual && test_cmp expect actual &&
	test_grep "^{\"type\":\"piece\",\"offset\":0,\"size\":[0-9]*,\"kind\":\"data\"}$" json
'

test_expect_success 'an empty file has no pieces, a short one has one' '
	: >empty && ub chunk empty >actual && test_must_be_empty actual &&
	echo hello >short && echo "0 6 data" >expect.short &&
	ub chunk short >actual && test_cmp expect.short actual
'

test_expect_success 'a run of zeros is one piece, to the byte' '
	{ head -c 1000 random && head -c 20000000 /dev/zero && head -c 1000 random; } >run &&
	printf "%s\n" "0 1000 data" "1000 20000000 zero" "20001000 1000 data" >expect.run &&
	ub chunk run >actual && test_cmp expect.run actual
'

test_expect_success '256 KiB of zeros are a run, one byte less is not' '
	{ head -c 1000 random && head -c 262144 /dev/zero && head -c 1000 random; } >run &&
	printf "%s\n" "0 1000 data" "1000 262144 zero" "263144 1000 data" >expect.run &&
	ub chunk run >actual && test_cmp expect.run actual &&
	{ head -c 1000 random && head -c 262143 /dev/zero && head -c 100 random; } >run &&
	ub chunk run >actual && test_grep ! zero actual
'

test_expect_success 'holes are zeros like others' '
	printf x >holes && truncate -s 30000001 holes && printf y >>holes &&
	cp --sparse=never holes solid &&
	ub chunk holes >actual && ub chunk solid >expect.run && test_cmp expect.run actual &&
	printf "%s\n" "0 1 data" "1 30000000 zero" "30000001 1 data" >expect.run &&
	test_cmp expect.run actual
'

test_expect_success 'bytes put into the middle move few cuts' '
	{ head -c 6000000 random && echo more && tail -c +6000001 random; } >edited &&
	ub chunk --sizes edited >actual && test "$(sum_sizes actual)" = 12000005 &&
	sort expect >a && sort actual >b && comm -13 a b >new &&
	test "$(wc -l <new)" -le 4
'

test_expect_success 'another repository cuts elsewhere' '
	UB_DIR=$PWD/other ub init --kdf 8M:1 >out 2>err &&
	UB_DIR=$PWD/other ub chunk --sizes random >actual && ! cmp expect actual &&
	test "$(sum_sizes actual)" = 12000000
'

test_expect_success 'the sizes that init was given are kept' '
	UB_DIR=$PWD/small ub init --kdf 8M:1 --chunk-size 64K:512K:1M >out 2>err &&
	UB_DIR=$PWD/small ub chunk --sizes random >actual &&
	test "$(wc -l <actual)" -gt "$(wc -l <expect)" &&
	awk "\$1 > 1048576 { exit 1 }" actual
'

test_expect_success 'chunk stores nothing' '
	find repo -type f | sort >before && ub chunk random >out &&
	find repo -type f | sort >after && test_cmp before after
'

test_expect_success 'what cannot be read is named' '
	test_expect_code 1 ub chunk missing 2>err && test_grep "missing" err &&
	test_expect_code 1 ub chunk . 2>err && test_grep "folder" err
'

test_expect_success 'it takes one file' '
	test_expect_code 2 ub chunk 2>err && test_expect_code 2 ub chunk random random 2>err
'

test_expect_success 'a full disk under the output is an error' '
	test_must_fail ub chunk random >/dev/full 2>err && test_grep "." err
'

test_done
