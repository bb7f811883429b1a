#!/bin/sh

test_description='every byte of a small repository damaged: named, never wrong bytes, never a crash'
. "${0%/*}/test-lib.sh"

# All bytes with UB_TEST_LONG=t, which takes an hour; else every so many.
step () {
	if test -n "$UB_TEST_LONG"
	then
		echo 1
	else
		echo "$1"
	fi
}

test_expect_success PYTHON 'setup' '
	test_init_repo &&
	test_random 3000 1 >content && echo "a small file" >small &&
	id=$(ub hash-object -w content) && other=$(ub hash-object -w small) &&
	tree=$(printf "100644 blob %s 3000\tcontent\n" "$id" | ub mktree) &&
	commit=$(ub commit-tree "$tree" -m "one") && ub update-ref main "$commit" &&
	ub fsck --full
'

for class in packs:97 keys:13 index:151 refs:41 config:7
do
	test_expect_success PYTHON "damage to ${class%:*} is named, or healed, and never read as data" "
		\$PYTHON \"\$TEST_DIRECTORY/damage.py\" ub \"\$UB_DIR\" \$id content $(step ${class#*:}) ${class%:*}
	"
done

test_done
