#!/bin/sh

test_description='changes of the keys under every fault: who could open still can, or the new one'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		echo other >other &&
		fault_refs main \$commit
	"
'

# The device slot opens; what the command is about is the password.
opens='ub fsck && ub -p pw fsck'

fault_test_all 'key add' \
	'UB_PASSWORD_FILE=other ub key add' \
	"$opens && ub -p other fsck"

test_done
