#!/bin/sh

test_description='ub init under every fault: a repository, or none and nothing in the way of one'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

# Made, and refused the second time; or not made.  Never one that does not open.
init='
	if test -e repo/config && ! test -e repo/init-unfinished
	then
		test_expect_code 13 ub init --kdf 8M:1 --password-file pw --device dev
	else
		ub init --kdf 8M:1 --password-file pw --device dev
	fi'
is_made='
	ub fsck && ub --password-file pw fsck &&
	test $(ub hash-object -w pw) = $(ub --password-file pw hash-object pw) &&
	ub hash-object -w pw'

test_expect_success 'setup' '
	fault_setup "echo password >pw"
'

FAULT_NO_REPO=t
# While the mark stands all else is thrown away: of several syncs of one folder only the last is
# missed.  That nothing at all is missing when init has said so, each loop checks.
FAULT_SYNC_ELSEWHERE="$FAULT_SYNC_ELSEWHERE|make_parts|claim_folder"
FAULT_ROUNDS=10
fault_test_all init "$init" "$is_made"

test_done
