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

# Neighbours are much alike from here on.
FAULT_ROUNDS=12

# Again, after its work was done, it is told that the password is wrong; that it was not told so by
# mistake is for the loops over whole runs to say, and nobody said it was durable.
FAULT_ALWAYS='ub -p pw key list || ub -p other key list'
passwd='ub -p pw key passwd --kdf 8M:1 --new-password-file other || {
		! fault_calm ub -p pw key list && fault_calm ub -p other key list
	}'
fault_test_kinds 'key passwd' "$passwd" \
	'ub fsck && ub -p other fsck && test_expect_code 12 ub -p pw key list'

test_expect_success 'key passwd does not lean on what a dead process left unsynced' '
	fault_dead_loop "$passwd" "ub fsck && ub -p other fsck"
'

# There are always words that open.
FAULT_ALWAYS='ub key list >../slots && grep recovery ../slots'
fault_test_all 'key recovery' \
	'ub key recovery' \
	"$opens && ub key recovery --check <../out && test \$(ub key list | grep -c recovery) = 1"

FAULT_ALWAYS=$opens
test_expect_success 'setup of a slot to remove' '
	mv "$FAULT_BASE" "$FAULT_DIR" && cd "$FAULT_DIR" &&
	slot=$(ub key add --kdf 8M:1 --new-password-file other | sed "s/ .*//") &&
	cd .. && rm -rf "$FAULT_BASE" && mv "$FAULT_DIR" "$FAULT_BASE"
'

# Gone is gone, whoever removed it.
remove='ub key remove $slot || { fault_calm ub key list >../slots && ! grep $slot ../slots; }'
fault_test_kinds 'key remove' "$remove" \
	'! ub key list | grep $slot && test_expect_code 12 ub -p other key list'

test_done
