#!/bin/sh
# Calls that are banned: some everywhere, system calls everywhere but behind the seam.

cd "${0%/*}/.." || exit 1
status=0

# Comments and strings are blanked first, so that only calls are seen.
code () {
	perl -0pe 's{/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])+\x27}{
		my $s = $&; $s =~ s/[^\n]/ /g; $s}gse' "$1"
}

never='strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|gets|atoi|atol|atoll|atof'
never="$never|strdup|strndup|asprintf|vasprintf|alloca|tmpnam|mktemp|mkstemp|mkdtemp|tmpfile|system|popen"
never="$never|rand|srand|random|srandom|drand48|setjmp|longjmp|scanf|gmtime|localtime|ctime|asctime"
never="$never|strerror|getpass|readdir_r|usleep|signal|memcmp_secret"

seam='open|openat|creat|close|read|pread|readv|write|pwrite|writev|fsync|fdatasync|sync|syncfs|ftruncate|truncate'
seam="$seam|fallocate|posix_fallocate|fstat|stat|lstat|statx|fstatat|rename|renameat|renameat2|unlink|unlinkat"
seam="$seam|mkdir|mkdirat|rmdir|chmod|fchmod|chown|fchown|access|opendir|fdopendir|readdir|closedir|flock|lockf"
seam="$seam|fcntl|realpath|readlink|posix_fadvise|pipe|pipe2|mmap|munmap|madvise|mlock|link|symlink|dup|dup2"
seam="$seam|fopen|fdopen|freopen|fread|fgets|getline|getc|fgetc|getchar|time|clock_gettime|gettimeofday"
seam="$seam|nanosleep|sleep|getrandom|getentropy|malloc|calloc|realloc|free|aligned_alloc|posix_memalign"
seam="$seam|pthread_create|pthread_join|pthread_mutex_[a-z]+|pthread_cond_[a-z]+|exit|abort|fork|vfork"

for file in lib/*.[ch] crypto/*.[ch] objects/*.[ch] refs/*.[ch] fs/*.[ch] remote/*.[ch] \
	web/*.[ch] builtin/*.[ch]
do
	test -e "$file" || continue
	banned=$never
	case $file in
	lib/sys*.c|lib/sys*.h) continue ;;
	lib/err.c) banned="$never|$(echo "$seam" | sed 's/|exit|abort//')" ;;
	*) banned="$never|$seam" ;;
	esac
	# What is a member, or our own name ending in the same letters, is not the call.
	found=$(code "$file" | grep -nE "(^|[^A-Za-z0-9_.>])($banned)[ 	]*\(" |
		grep -vE '^[0-9]+:[ 	]*(int|ssize_t|void) \(\*' | sed "s|^|banned: $file:|")
	test -z "$found" || { echo "$found"; status=1; }
	# Printing is for builtin/ub.c alone; its output goes through lib/out.c.
	found=$(code "$file" | grep -nE '(^|[^A-Za-z0-9_])(printf|puts|putchar|fwrite|perror|fputs|fputc|fprintf|vfprintf)[ 	]*\(' |
		sed "s|^|banned: $file:|")
	case $file in
	lib/err.c) ;;
	*) test -z "$found" || { echo "$found"; status=1; } ;;
	esac
done

test $status != 0 || echo "ok    banned calls"
exit $status
