#!/bin/sh

test_description='pack --repack and index --rebuild under every fault'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		printf \"%s\n\" \$one \$two \$tree \$commit >ids &&
		fault_refs main \$commit
	"
'

fault_test_all 'pack --repack' \
	'ub pack --repack <ids >../packs && cat ../packs' \
	'test -s ../packs && ub pack <ids >../now && cmp ../packs ../now &&
		while read -r pack; do ub pack --verify $pack || return 1; done <../packs'

fault_test_all 'index --rebuild' \
	'ub index --rebuild' \
	'ub index --check && ub cat-object -p $one | cmp - one'

test_done
