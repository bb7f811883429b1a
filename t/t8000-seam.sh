#!/bin/sh

test_description='the seam: what is in which build, and that nothing goes around it'
. "${0%/*}/test-lib.sh"

test_expect_success 'the normal build holds nothing that breaks calls' '
	test_path_exists "$UB_RELEASE" &&
	test_must_fail grep -q -a "UB_TEST_\(FAULT\|SEED\|NOW\|POWERCUT\|CORE\|TRACE\|NOSYNC\)" "$UB_RELEASE" &&
	grep -q -a UB_TEST_FAULT "$UB_BUILD/test/ub"
'

test_expect_success 'it takes no notice of what would break the test build' '
	UB_TEST_FAULT=kill@1 "$UB_RELEASE" version >out && test -s out &&
	test_expect_code 99 env UB_TEST_FAULT=nonsense ub version
'

test_expect_success 'only the seam calls the system' '
	cd "$SOURCE_DIRECTORY" &&
	calls="open|openat|creat|read|pread|write|pwrite|fsync|fdatasync|ftruncate|fallocate" &&
	calls="$calls|rename|renameat2?|unlink|unlinkat|mkdir|mkdirat|rmdir|opendir|readdir|flock" &&
	calls="$calls|mmap|munmap|malloc|calloc|realloc|free|getrandom|clock_gettime|time|fopen" &&
	calls="$calls|pthread_[a-z_]+|nanosleep|usleep|sleep|syscall|statx?|lstat|fstat|close" &&
	! grep -nE "(^|[^A-Za-z0-9_>.\"])($calls)\(" lib/*.c crypto/*.c objects/*.c refs/*.c builtin/*.c |
		grep -vE "^lib/sys[-a-z]*\.c:|^[^:]*:[0-9]+:[ 	]*(/?\*|//)|^[^:]*:[0-9]+:.*/\*.*\("
'

test_done
