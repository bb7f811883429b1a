#!/bin/sh
# Who includes whom: only from the left; *-internal.h inside its folder; one owner per library.

cd "${0%/*}/.." || exit 1
status=0
complain () {
	echo "layers: $*"
	status=1
}

# What each folder may include.
allowed () {
	case $1 in
	lib) echo lib ;;
	crypto) echo lib crypto ;;
	objects) echo lib crypto objects ;;
	refs) echo lib crypto objects refs ;;
	fs) echo lib crypto objects refs fs ;;
	remote) echo lib crypto objects refs remote ;;
	web) echo lib crypto objects refs fs remote web ;;
	builtin) echo lib crypto objects refs fs remote web builtin ;;
	esac
}

# The only files that may include a library's headers.
owners () {
	case $1 in
	sodium*|openssl/*) echo 'crypto/*' ;;
	blake3*) echo 'crypto/hash.c' ;;
	zstd*|zdict*) echo 'objects/compress.c' ;;
	erasurecode*|isa-l*) echo 'objects/parity.c' ;;
	sqlite3*) echo 'lib/db.c' ;;
	curl/*) echo 'remote/http.c' ;;
	hiredis*) echo 'remote/redis.c' ;;
	fuse*) echo 'fs/mount.c' ;;
	archive.h|archive_entry.h) echo 'fs/archive*' ;;
	git2*) echo 'lib/config-git.c fs/gitrepo*' ;;
	esac
}

for file in lib/*.[ch] crypto/*.[ch] objects/*.[ch] refs/*.[ch] fs/*.[ch] remote/*.[ch] \
	web/*.[ch] builtin/*.[ch]
do
	test -e "$file" || continue
	folder=${file%%/*}
	for include in $(sed -n 's/^#[ ]*include "\([^"]*\)".*/\1/p' "$file")
	do
		from=${include%%/*}
		case $include in
		*/*) ;;
		*) complain "$file: \"$include\" does not name its folder"; continue ;;
		esac
		case $include in
		gen/*) continue ;;
		*-internal.h)
			test "$from" = "$folder" || complain "$file: \"$include\" is another folder's own" ;;
		esac
		case " $(allowed "$folder") " in
		*" $from "*) ;;
		*) complain "$file: may not include \"$include\"" ;;
		esac
		test -e "$include" || complain "$file: \"$include\" is not there"
	done
	for include in $(sed -n 's/^#[ ]*include <\([^>]*\)>.*/\1/p' "$file")
	do
		owner=$(owners "$include")
		test -n "$owner" || continue
		found=
		for pattern in $owner
		do
			# shellcheck disable=SC2254 # it is a pattern
			case $file in
			$pattern) found=t ;;
			esac
		done
		test -n "$found" || complain "$file: <$include> belongs to $owner"
	done
	# Own header last, so that it is seen to stand on its own in the headers' check.
	own=${file%.c}.h
	if test "$file" != "$own" && test -e "$own"
	then
		last=$(sed -n 's/^#[ ]*include "\([^"]*\)".*/\1/p' "$file" | grep -v '\.def$\|^gen/' | tail -n 1)
		case $last in
		"$own"|*-internal.h) ;;
		*) complain "$file: includes \"$own\" not last but \"$last\"" ;;
		esac
	fi
done

test $status != 0 || echo "ok    layers"
exit $status
