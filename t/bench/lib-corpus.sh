# shellcheck shell=sh
# The trees that snapshots.sh works on, made once and kept: corpus_real, corpus_media, corpus_image
# and corpus_million, each below the folder that it is given.  Sources come through apt and npm,
# at versions that are named here or by the Debian release, so that figures can be compared.

corpus_sources='git python3.11 golang-1.19 openssl ffmpeg emacs vim gdb cmake perl'
corpus_modules='typescript@5.3.3 webpack@5.89.0 react-native@0.72.7
	date-fns@2.30.0 lodash@4.17.21 rxjs@7.8.1 core-js@3.33.2
	aws-sdk@2.1490.0 eslint@8.53.0 jest@29.7.0 @babel/preset-env@7.23.3 three@0.158.0
	antd@5.11.0 bootstrap@5.3.2 d3@7.8.5 moment@2.29.4 mathjs@12.1.0'

# corpus_made DIR: true when it is whole; else what is there is removed.
corpus_made () {
	test ! -e "$1.made" || return 0
	rm -rf "$1" && mkdir -p "$1" && return 1
}

# apt with lists of its own, in which sources are, whatever the system's have.
corpus_apt () {
	apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$corpus_apt/parts" \
		-o Dir::State::lists="$corpus_apt/lists" -o Dir::Cache="$corpus_apt/cache" \
		-o APT::Sandbox::User="$(id -un)" "$@"
}

corpus_apt_setup () {
	corpus_apt=$1
	mkdir -p "$corpus_apt/parts" "$corpus_apt/lists/partial" \
		"$corpus_apt/cache/archives/partial" || return 1
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources
	do
		test ! -s "$list" || sed 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$list" \
			>"$corpus_apt/parts/${list##*/}" || return 1
	done
	corpus_apt update >"$corpus_apt/log" 2>&1
}

# Real files, about 125,000 of 1.4 GB: unpacked sources of Debian and modules of npm.
corpus_real () {
	! corpus_made "$1" || return 0
	work=$1.work
	mkdir -p "$work/sources" "$work/npm" && corpus_apt_setup "$work/apt" || return 1
	# Only the original archives are wanted: a mirror that lacks the rest will do.
	# shellcheck disable=SC2086 # words
	(cd "$work/sources" && { corpus_apt source --download-only $corpus_sources >log 2>&1 || :; })
	mkdir "$1/debian" || return 1
	for archive in "$work/sources"/*.orig*.tar.*
	do
		case $archive in
		*.asc) continue ;;
		esac
		name=${archive##*/}
		mkdir -p "$1/debian/${name%.tar.*}" &&
		tar -xf "$archive" -C "$1/debian/${name%.tar.*}" --no-same-owner || return 1
	done
	# shellcheck disable=SC2086 # words
	(cd "$work/npm" && echo '{"name":"bench","version":"1.0.0","private":true}' >package.json &&
		npm install --ignore-scripts --no-audit --no-fund --legacy-peer-deps \
			--cache "$work/npm-cache" $corpus_modules >log 2>&1) || return 1
	mv "$work/npm/node_modules" "$1/npm" && rm -rf "$work" && : >"$1.made"
}

# 2 GiB that no one can make smaller, in files of the sizes of photos and films.
corpus_media () {
	! corpus_made "$1" || return 0
	for size in 800 400 200 150 50
	do
		head -c "${size}M" /dev/urandom >"$1/film-$size" || return 1
	done
	mkdir "$1/photos" || return 1
	i=0
	while test $i -lt 112
	do
		head -c 4M /dev/urandom >"$1/photos/$i" || return 1
		i=$((i + 1))
	done
	: >"$1.made"
}

# A disk image of 2 GiB and what it is after 1 MiB has been put into its middle.  What it holds is
# what a file system has: files of the corpus $2, each from a block of 4 KiB on, some of it empty.
corpus_image () {
	! corpus_made "$1" || return 0
	mkdir "$1/before" "$1/after" || return 1
	/usr/bin/python3 - "$2" "$1/before/disk.img" <<-'END' || return 1
		import os, sys
		size, done, skipped = 2 << 30, 0, 0
		with open(sys.argv[2], 'wb') as out:
		    for top, dirs, names in os.walk(sys.argv[1]):
		        dirs.sort()
		        for name in sorted(names):
		            path = os.path.join(top, name)
		            if os.path.islink(path) or done >= size:
		                continue
		            with open(path, 'rb') as f:
		                done += out.write(f.read())
		            done += out.write(bytes(-done % 4096))
		    out.truncate(size)
	END
	{
		head -c 1073741824 "$1/before/disk.img" && head -c 1M /dev/urandom &&
			tail -c +1073741825 "$1/before/disk.img"
	} >"$1/after/disk.img" && : >"$1.made"
}

# One million small files in a thousand folders.
corpus_million () {
	! corpus_made "$1" || return 0
	/usr/bin/python3 - "$1" "${2:-1000000}" <<-'END' || return 1
		import os, sys
		base, n = sys.argv[1], int(sys.argv[2])
		for d in range((n + 999) // 1000):
		    os.mkdir('%s/%03d' % (base, d))
		    fd = os.open('%s/%03d' % (base, d), os.O_RDONLY)
		    for i in range(d * 1000, min(n, d * 1000 + 1000)):
		        f = os.open('file-%07d' % i, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=fd)
		        os.write(f, b'this is file number %d of a great many small ones, each a little over '
		                 b'the size that stands inline: %x\n' % (i, i * 2654435761 % 2**32))
		        os.close(f)
		    os.close(fd)
	END
	: >"$1.made"
}
