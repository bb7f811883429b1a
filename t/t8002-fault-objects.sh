#!/bin/sh

test_description='hash-object, mktree and commit-tree under every fault'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

# Finished packs in the store: what a crash leaves is adopted, not stored twice.
packs_are () {
	find repo/packs -type f | grep -c "/[0-9a-f]\{64\}$" >../packs
	test "$(cat ../packs)" = "$1" || { echo "$(cat ../packs) packs, not $1"; return 1; }
}

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		{ echo $FAULT_MARKER && test_random 5000 3; } >new &&
		test_random 6000000 4 >big &&
		new=\$(ub hash-object new) && big=\$(ub hash-object big) &&
		packs=\$(find repo/packs -type f | wc -l) &&
		printf \"100600 blob %s %s\tnew\n\" \$one \$(test_file_size one) >newlist &&
		newtree=\$(ub mktree -n <newlist)
	"
'

fault_test_all 'hash-object -w' \
	'ub hash-object -w new' \
	'ub cat-object -p $new | cmp - new && packs_are $((packs + 1))'

fault_test_all 'mktree' \
	'ub mktree <newlist' \
	'ub cat-tree -l $newtree | grep new && packs_are $((packs + 1))'

fault_test_all 'commit-tree' \
	'UB_TEST_NOW=1700000000 ub commit-tree $tree -p $commit -m "one more" >../commit && cat ../commit' \
	'ub cat-object -t $(cat ../commit) && ub rev-list --objects $(cat ../commit) | grep $two && packs_are $((packs + 1))'

# Two packs, more than one piece each.
for kind in kill killin powercut nosync
do
	test_expect_success "a file of several chunks keeps the promises under $kind" "
		fault_loop $kind 'ub hash-object -w big' 'ub cat-object -p \$big | cmp - big'
	"
done

test_expect_success 'each sync of a large file is needed' "
	fault_sync_loop 'ub hash-object -w big' \
		'ub cat-object -p \$big | cmp - big && packs_are \$((packs + 2))'
"

test_done
