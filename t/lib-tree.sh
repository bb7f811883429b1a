# shellcheck shell=sh
# Folders with everything that a file can carry; to be sourced after test-lib.sh.

# What this machine and its disk can do, as prerequisites.
tree_prereqs () {
	: >.probe &&
	{ setfattr -n user.probe -v 1 .probe 2>/dev/null && test_set_prereq XATTR
	command -v setfacl >/dev/null && setfacl -m u:1:r .probe 2>/dev/null && test_set_prereq ACL
	command -v setcap >/dev/null && setcap cap_net_raw+ep .probe 2>/dev/null &&
		test_set_prereq CAP
	command -v chattr >/dev/null && chattr +i .probe 2>/dev/null && chattr -i .probe &&
		test_set_prereq CHATTR
	command -v rsync >/dev/null && test_set_prereq RSYNC
	command -v setpriv >/dev/null && test_have_prereq ROOT && test_set_prereq SETPRIV
	tree_can_mount && test_set_prereq MOUNT
	rm -f .probe; }
}

tree_can_mount () {
	test_have_prereq ROOT && command -v mkfs.ext4 >/dev/null &&
	truncate -s 4M .image && mkfs.ext4 -q .image 2>/dev/null && mkdir -p .mnt &&
	mount -o loop .image .mnt 2>/dev/null && umount .mnt
	tree_mount_status=$?
	rm -rf .image .mnt
	return $tree_mount_status
}

# tree_mount SIZE MKFS... : a new file system on ./mnt, unmounted when the test is over.
tree_mount () {
	tree_size=$1 &&
	shift &&
	rm -f image && truncate -s "$tree_size" image && mkdir -p mnt &&
	"$@" image >/dev/null 2>&1 && mount -o loop image mnt &&
	test_when_finished "umount mnt || umount -l mnt; rm -rf image mnt"
}

# tree_make DIR: one of each, as far as it goes.
tree_make () {
	mkdir -p "$1/sub/deep" "$1/empty" "$1/closed" &&
	(
		cd "$1" &&
		: >nothing && echo small >small && seq 1 20000 >text &&
		test_random 9000000 5 >large && head -c 1000000 /dev/zero >zeros &&
		ln -s sub/deep link && ln -s /nowhere/at/all dangling &&
		mkfifo sub/pipe && chmod 640 sub/pipe &&
		ln text sub/hard1 && ln text sub/deep/hard2 && ln small other && ln link linked &&
		truncate -s 40M holes && printf data | dd of=holes bs=1 seek=5000000 conv=notrunc &&
		truncate -s 3M middle && dd if=large of=middle bs=1M count=1 seek=1 conv=notrunc &&
		printf x >"$(printf "odd\nname\377 \"quoted\\")" && echo y >"-dash" &&
		mkdir "$(printf "dir\n\201")" && echo z >"$(printf "dir\n\201/z")" &&
		chmod 4755 small && chmod 000 nothing && chmod 2755 sub && chmod 1777 empty &&
		chmod 500 closed &&
		touch -h -d @-5000000000.123456789 dangling && touch -d @9999999999.999999999 large &&
		touch -d "1969-12-31 23:59:59.5" text
	) 2>/dev/null &&
	tree_make_more "$1" &&
	touch -d "2001-02-03 04:05:06.789" "$1/sub/deep" "$1/empty" &&
	touch -d "2002-02-03 04:05:06.789" "$1/sub" "$1"
}

tree_make_more () {
	if test_have_prereq ROOT
	then
		mknod "$1/char" c 1 3 && mknod "$1/block" b 7 200 && chmod 660 "$1/block" &&
		chown -h 12345:54321 "$1/dangling" "$1/sub/pipe" && chown 1:2 "$1/text" || return 1
	fi
	if test_have_prereq XATTR
	then
		setfattr -n user.one -v 1 "$1/small" && setfattr -n user.dir -v d "$1/sub" &&
		setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr "\0" x)" "$1/text" || return 1
	fi
	if test_have_prereq ACL
	then
		setfacl -m u:7:rwx,g:8:r "$1/large" && setfacl -d -m u:9:rx "$1/sub/deep" || return 1
	fi
	test_have_prereq !CAP || setcap cap_net_raw+ep "$1/zeros" || return 1
	test_have_prereq !CHATTR ||
		{ echo i >"$1/sub/immutable" && ln "$1/sub/immutable" "$1/im2" &&
		  chattr +i "$1/sub/immutable" && echo a >"$1/sub/append" && chattr +a "$1/sub/append" &&
		  chattr +d "$1/empty"; }
}

# tree_deep DIR NAME NR: folders in each other, deeper than a path may name, a file in each.
tree_deep () {
	perl -e '
		my ($dir, $name, $nr) = @ARGV;
		chdir($dir) or die;
		for my $i (1 .. $nr) {
			mkdir("$name-$i") && chdir("$name-$i") or die "$name-$i: $!";
			open(my $f, ">", "file") or die;
			print $f "$i\n";
		}' "$@"
}

# tree_list DIR: all in it, however deep: depth, name, mode, time, content.
tree_list () {
	perl -e '
		use Fcntl ":mode";
		sub walk {
			my ($depth) = @_;
			opendir(my $d, ".") or die "open: $!";
			my @names = sort grep { $_ ne "." && $_ ne ".." } readdir($d);
			closedir($d);
			for my $n (@names) {
				my @s = lstat($n) or die "$n: $!";
				my $text = "";
				if (S_ISREG($s[2])) { open(my $f, "<", $n) or die; $text = <$f> // "\n" }
				printf "%d %s %o %d %s\n", $depth, $n, $s[2], $s[9], $text =~ s/\n.*//sr;
				next unless S_ISDIR($s[2]);
				chdir($n) or die; walk($depth + 1); chdir("..") or die;
			}
		}
		chdir($ARGV[0]) or die; walk(0)' "$1"
}

tree_unlock () {
	test_have_prereq !CHATTR || chattr -R -f -i -a "$@" 2>/dev/null
	:
}

# Where data lies, for every file.
tree_holes () {
	(cd "$1" && find . -type f -size +200k -printf '%P\0' | sort -z | xargs -0 -r test-holes)
}

# tree_is_same DIR1 DIR2: rsync sees no difference, nor do maps, times and flags.
tree_is_same () {
	rsync -naHAXc --delete --itemize-changes "$1/" "$2/" >same.out &&
	test_must_be_empty same.out &&
	tree_holes "$1" >same.1 && tree_holes "$2" >same.2 && test_cmp same.1 same.2 &&
	(cd "$1" && find . -printf '%P %m %U %G %T@ %n %l\n' | LC_ALL=C sort) >same.1 &&
	(cd "$2" && find . -printf '%P %m %U %G %T@ %n %l\n' | LC_ALL=C sort) >same.2 &&
	test_cmp same.1 same.2 || return 1
	test_have_prereq !CHATTR || {
		(cd "$1" && lsattr -R . 2>/dev/null | sort) >same.1
		(cd "$2" && lsattr -R . 2>/dev/null | sort) >same.2
		test_cmp same.1 same.2
	}
}
