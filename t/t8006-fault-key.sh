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
	'ub key add --kdf 8M:1 --new-password-file other' \
	"$opens && ub -p other fsck"

# New slot, then no old one.  (Not every sync can be missed here: in the model of a power cut a
# folder's changes are lost newest first, so the second sync covers what the first made durable.)
FAULT_ROUNDS=12

# fault_test_kinds WHAT 'command' 'done'
fault_test_kinds () {
	FAULT_COMMAND=$2 FAULT_DONE=$3
	for kind in kill killin powercut enospc eio nomem
	do
		test_expect_success "$1 keeps the promises under $kind" \
			"fault_loop $kind \"\$FAULT_COMMAND\" \"\$FAULT_DONE\""
	done
}

# Again, after its work was done, it is told that the password is wrong.
fault_test_kinds 'key passwd' \
	'ub -p pw key passwd --kdf 8M:1 --new-password-file other || {
		! ub -p pw key list && ub -p other key list
	}' \
	'ub fsck && ub -p other fsck && test_expect_code 12 ub -p pw key list'

fault_test_kinds 'key recovery' \
	'ub key recovery' \
	"$opens && ub key recovery --check <../out && test \$(ub key list | grep -c recovery) = 1"

test_expect_success 'key recovery does not lean on what a dead process left unsynced' \
	'fault_dead_loop "$FAULT_COMMAND" "$FAULT_DONE"'

test_done
