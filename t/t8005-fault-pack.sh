#!/bin/sh

test_description='pack --repack and index --rebuild under every fault'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		echo \"something new\" >new &&
		printf \"%s\n\" \$one \$two \$tree \$commit >ids &&
		fault_refs main \$commit
	"
'

# Packed again is not known again: that what a dead process finished is adopted, t8002 sees.
FAULT_SYNC_ELSEWHERE="$FAULT_SYNC_ELSEWHERE|begin_marker"
fault_test_all 'pack --repack' \
	'ub pack --repack <ids >../packs && cat ../packs' \
	'test -s ../packs && ub pack <ids >../now && cmp ../packs ../now &&
		while read -r pack; do ub pack --verify $pack || return 1; done <../packs'

FAULT_SYNC_ELSEWHERE='file_sync_again|vfs_sync'
fault_test_all 'index --rebuild' \
	'ub index --rebuild' \
	'ub index --check && ub cat-object -p $one | cmp - one'

test_expect_success 'a rebuild does not lean on packs that a dead process left unsynced' '
	fault_dead_loop "ub hash-object -w new" "ub index --check" "ub index --rebuild"
'

test_done
