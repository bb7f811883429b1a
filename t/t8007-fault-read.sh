#!/bin/sh

test_description='commands that read, under every fault: the whole truth, or an error and no crash'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		fault_refs main \$commit &&
		test_random 3000000 5 >big && big=\$(ub hash-object -w big)
	"
'

# What it prints with success is what it prints in peace.  Nothing in the repository changes, but
# for the catalogue: checks are noted there.
is_same='cmp ../expect ../out && test_cmp ../files.before ../files.after'
try () {
	command="$1"
	for kind in eio short eintr nomem
	do
		test_expect_success "$1 tells the truth under $kind" '
			fault_copy && eval "$command" >../expect && fault_loop_read $kind
		'
	done
}

files () {
	find repo state -type f ! -name lock ! -name refs-cache ! -name marks ! -name 'catalogue*' |
		sort | xargs sha256sum
}

# A leaner loop: what was not written to needs no check of all promises.
fault_loop_read () {
	files >../files.before || return 1
	for n in $(fault_numbers "$1" "$command" $((FAULT_ROUNDS * 2 / 3)))
	do
		fault_what="$1@$n"
		fault_run "$1@$n" "$command" || return 1
		files >../files.after
		case $fault_status in
		0) eval "$is_same" || { fault_say "not the truth"; return 1; } ;;
		99 | 12[6-9] | 1[3-9][0-9]) fault_say "it crashed"; return 1 ;;
		*) test -s ../err || test -s ../out || { fault_say "fails without a word"; return 1; } ;;
		esac
	done
	test -z "$fault_fired" && test "$fault_status" = 0
}

try 'ub cat-object -p $one'
try 'ub cat-object -p $big'
try 'ub cat-tree -r $tree'
try 'ub for-each-ref'
try 'ub rev-list --objects main'
try 'ub locate $two'
try 'ub verify-ref'
try 'ub log --stat'
try 'ub show main'
try 'ub ls -lr main'
try 'ub cat $big'
try 'ub fsck --full'
try 'ub verify --deep'
try 'ub key list'
try 'ub config --list'
try 'ub chunk --sizes big'

test_done
