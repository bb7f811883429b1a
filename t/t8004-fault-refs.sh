#!/bin/sh

test_description='update-ref under every fault: the old value or the new one'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		next=\$(ub commit-tree \$tree -p \$commit -m second) &&
		fault_refs main \$commit \$next &&
		fault_refs tags/new - \$next
	"
'

fault_test_all 'moving a ref' \
	'ub update-ref main $next' \
	'test $(ub rev-parse main) = $next'

test_expect_success 'setup of a new ref' '
	ub version >/dev/null
'

for kind in kill powercut enospc
do
	test_expect_success "a new ref keeps the promises under $kind" "
		fault_loop $kind 'ub update-ref tags/new \$next' 'test \$(ub rev-parse tags/new) = \$next'
	"
done

test_done
