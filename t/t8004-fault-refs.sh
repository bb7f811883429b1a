#!/bin/sh

test_description='update-ref under every fault: the old value or the new one'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

# The same commit each time, if the same device makes it.
make_dead () {
	UB_TEST_NOW=1700000000 ub commit-tree "$tree" -m dead
}

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		next=\$(ub commit-tree \$tree -p \$commit -m second) &&
		cp -a . ../copy &&
		dead=\$(UB_DIR=\$PWD/../copy/repo XDG_STATE_HOME=\$PWD/../copy/state make_dead) &&
		fault_refs main \$commit \$next \$dead &&
		fault_refs tags/new - \$next
	"
'

fault_test_all 'moving a ref' \
	'ub update-ref main $next' \
	'test $(ub rev-parse main) = $next'

test_expect_success 'a ref is not moved to what a dead process left unsynced' '
	fault_dead_loop make_dead : "! ub cat-object -e \$dead || ub update-ref main \$dead"
'

for kind in kill powercut enospc
do
	test_expect_success "a new ref keeps the promises under $kind" "
		fault_loop $kind 'ub update-ref tags/new \$next' 'test \$(ub rev-parse tags/new) = \$next'
	"
done

test_done
