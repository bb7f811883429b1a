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

test_done
