#!/bin/sh

test_description='ub config --global under every fault'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

XDG_CONFIG_HOME=$FAULT_DIR/config
export XDG_CONFIG_HOME
FAULT_NO_REPO=t

is_old_or_new () {
	printf '[core]\n\tcompression = 3\n' >../old &&
	printf '[core]\n\tcompression = 9\n' >../new &&
	{ cmp -s ../old config/ub/config || cmp -s ../new config/ub/config; }
}
is_done="test 9 = \"\$(ub config --global core.compression)\""
set_it="is_old_or_new && ub config --global core.compression 9"

test_expect_success 'setup' '
	fault_setup "ub config --global core.compression 3"
'

fault_test_all 'config --global' "$set_it" "$is_done"

test_expect_success 'a new folder for the file is as durable as the file' "
	fault_setup : &&
	fault_sync_loop 'ub config --global core.compression 9' '$is_done' &&
	fault_dead_loop 'ub config --global core.compression 9' '$is_done'
"

FAULT_NO_REPO=
test_expect_success 'setup of a repository' '
	fault_setup "fault_init_repo && fault_refs main \$commit"
'

# A repository lives with its settings: it opens with the old ones or the new one.
fault_test_all 'config' \
	'ub config core.lockWait 7' \
	'test $(ub config core.lockWait) = 7'

test_done
