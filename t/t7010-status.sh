#!/bin/sh

test_description='ub status: what changed, what is not there, what is under no source'
. "${0%/*}/test-lib.sh"

here=${TRASH_DIRECTORY#/}


test_expect_success 'setup' '
	test_init_repo --device box &&
	mkdir -p src/a src/b "$HOME/photos/old" "$HOME/docs/work" "$HOME/docs/play/deep" \
		"$HOME/empty" &&
	echo 1 >src/a/f && echo 2 >src/a/g && echo 3 >src/b/h && ln -s f src/a/l &&
	test_random 300000 >"$HOME/photos/old/p" && test_random 1000 >"$HOME/photos/q" &&
	echo work >"$HOME/docs/work/w" && echo play >"$HOME/docs/play/deep/p"
'

test_expect_success 'without sources it says what to do' '
	ub status >actual && test_grep "^On box/main, no snapshot yet$" actual &&
	test_grep "^Nothing is under backup: .ub add" actual &&
	test_grep "$HOME/photos" actual
'

test_expect_success 'without a snapshot it lists the sources' '
	ub add src && ub status >actual && test_grep "no snapshot yet" actual &&
	printf "\t/%s\n" "$here/src" >expect && grep "/src$" actual >some && test_cmp expect some &&
	ub status --json >json && tail -n 1 json >last &&
	test_grep "^{\"type\":\"summary\",\"commit\":null,\"time\":null," last &&
	test_grep ! "\"change\"" json
'

test_expect_success 'after a commit nothing has changed' '
	ub commit -m one && ub status >actual &&
	test_grep "^On box/main at $(ub rev-parse HEAD | cut -c 1-7), committed ... ... .* (just now)$\|second" actual &&
	test_grep "^Nothing has changed since$" actual && test_grep ! "would change" actual &&
	ub status -s >actual && test_grep ! "^[AMDTm]" actual
'

test_expect_success 'every change is named as diff names it, and counted' '
	echo more >>src/a/f && rm src/b/h && echo new >src/b/n && chmod 600 src/a/g &&
	rm src/a/l && mkdir src/a/l && ub status >actual &&
	cat >expect <<-EOF &&
		M	$here/src/a/f
		m	$here/src/a/g
		T	$here/src/a/l
		D	$here/src/b/h
		A	$here/src/b/n
	EOF
	sed "s/^/	/" expect >indented && grep "^	[AMDTm]	" actual >some &&
	test_cmp indented some &&
	test_grep "^1 added, 2 changed, 1 deleted, 1 with other metadata$" actual &&
	ub status -s >actual && grep "^[AMDTm]" actual >some && test_cmp expect some &&
	test_expect_code 1 ub diff >actual && test_cmp expect actual &&
	ub status -z >actual && tr "\\0" "\\n" <actual >lines &&
	tr "\\t" "\\n" <expect >want && head -n 10 lines >some && test_cmp want some
'

test_expect_success 'JSON has a record each, and a summary at the end' '
	ub status --json >actual && test_expect_code 1 ub diff --json >expect &&
	grep "^{\"type\":\"change\"" actual >some && test_cmp expect some &&
	tail -n 1 actual >last &&
	test_grep "^{\"type\":\"summary\",\"commit\":\"$(ub rev-parse HEAD)\",\"time\":\"2" last &&
	test_grep "\"added\":1,\"changed\":2,\"deleted\":1,\"metadata\":1," last &&
	test_grep "\"errors\":0}$" last
'

test_expect_success 'excludes count as for a commit' '
	ub status -s -e "/$here/src/b" >actual && test_grep "^D	$here/src/b$" actual &&
	test_grep "^D	$here/src/b/h$" actual && test_grep ! "^A" actual
'

test_expect_success 'it stores nothing and asks for no lock' '
	find repo -type f | sort | xargs sha256sum >before && ub status >/dev/null &&
	find repo -type f | sort | xargs sha256sum >after && test_cmp before after
'

test_expect_success 'what it names a commit then takes' '
	ub commit -m two && ub status -s >actual && test_grep ! "^[AMDTm]" actual
'

test_expect_success 'a path that is no source any more would go' '
	echo x >one && ub add one && ub commit -m one && ub rm one && ub status -s >actual &&
	test_grep "^D	$here/one$" actual && ub commit -m without &&
	ub status -s >actual && test_grep ! "^D" actual
'

test_expect_success 'what is under no source is listed, the largest first' '
	ub status -s >actual && grep "^?" actual >parts &&
	printf "?\t%s\n" "$HOME/photos" >expect && head -n 1 parts >first &&
	test_cmp expect first && test_grep "^?	$HOME/docs$" parts && test_grep ! empty parts &&
	ub status --json >actual &&
	test_grep "{\"type\":\"unprotected\",\"path\":\"$HOME/photos\",\"bytes\":301000,\"files\":2,\"since\":\"20[^\"]*Z\",\"complete\":true}" actual &&
	sum=$(sed -n "s/.*\"unprotected\".*\"bytes\":\([0-9]*\).*/\1/p" actual |
		{ n=0 && while read x; do n=$((n + x)); done && echo $n; }) &&
	test_grep "\"unprotected_bytes\":$sum," actual &&
	ub status >actual && test_grep "^	      301000  20..-..-..  $HOME/photos$" actual
'

test_expect_success 'beside a source that lies deeper the rest is listed' '
	test_when_finished "ub rm \"$HOME/docs/work\"" &&
	ub add "$HOME/docs/work" && ub status -s >actual &&
	test_grep "^?	$HOME/docs/play$" actual && test_grep ! "^?	$HOME/docs$" actual &&
	test_grep ! "^?	$HOME/docs/work" actual
'

test_expect_success 'what is under a source is not listed' '
	test_when_finished "ub rm \"$HOME/photos\"" &&
	ub add "$HOME/photos" && ub status -s >actual && test_grep ! "^?	$HOME/photos" actual &&
	ub rm "$HOME/photos" && ub add "$HOME" && ub status -s >actual &&
	test_grep ! "^?" actual && ub rm "$HOME" && ub add "$HOME/photos"
'

test_expect_success 'the repository and the caches are no such part' '
	UB_DIR=$HOME/.local/share/ub && export UB_DIR && mkdir -p "$HOME/.local/share" &&
	test_when_finished "UB_DIR=$TRASH_DIRECTORY/repo && rm -rf \"$HOME/.local\"" &&
	ub init --kdf 8M:1 --password-file "$HOME/password" --device inner >init.out &&
	ub status -s >actual && test_grep ! "\.local" actual &&
	echo x >"$HOME/.local/share/other" && ub status --json >actual &&
	test_grep "\.local\",\"bytes\":2,\"files\":1," actual && test_grep ! "\"$HOME/cache\"" actual
'

test_expect_success 'a home that is not there, or none, is no failure' '
	HOME=/nonexistent ub status -s >actual && test_grep ! "^?" actual &&
	(unset HOME && ub status -s) >actual && test_grep ! "^?" actual
'

test_expect_success 'a source that is not there is named' '
	mv src away && test_when_finished "mv away src" &&
	ub status >actual && test_grep "^None of the sources is there: a commit would be" actual &&
	test_grep "^Sources that are not there:$" actual && test_grep "^	/$here/src$" actual &&
	ub status -s >actual && test_grep "^!	/$here/src$" actual && test_grep ! "^D" actual &&
	ub status --json >actual &&
	test_grep "^{\"type\":\"absent\",\"path\":\"/$here/src\"}$" actual &&
	ub add away && ub status >actual && test_grep "^A commit now would change:$" actual &&
	test_grep "^	A	$here/away/a/f$" actual && test_grep ! "	D	" actual &&
	test_expect_code 3 ub commit -m some && ub rm away && ub status >actual &&
	test_grep "^That snapshot is incomplete: 1 absent$" actual
'

test_expect_success 'odd names are quoted, and raw with -z' '
	name=$(printf "n\\377") && echo 1 >"$HOME/$name" && echo 1 >"src/$name" &&
	test_when_finished "rm \"$HOME/$name\" \"src/$name\"" &&
	ub status -s >actual && test_grep "^A	\"$here/src/n\\\\377\"$" actual &&
	test_grep "^?	\"$HOME/n\\\\377\"$" actual && ub status -z >actual &&
	tr "\\0" "\\n" <actual >lines && test_grep "^$HOME/$name$" lines &&
	ub status --json >actual && test_grep "\"unprotected\",\"path\":\"[^\"]*\",\"path_b64\":" actual
'

test_expect_success !ROOT 'what cannot be read is said, and the exit status is 3' '
	echo 1 >src/secret && chmod 0 src/secret && test_when_finished "rm -f src/secret" &&
	test_expect_code 3 ub status >actual 2>err && test_grep "secret" err &&
	test_expect_code 3 ub status --json >actual 2>err &&
	test_grep "^{\"type\":\"unreadable\"" actual && tail -n 1 actual >last &&
	test_grep "\"errors\":1}$" last
'

test_expect_success 'a disk that gives an error while listing: said, status 3' '
	found= &&
	for n in $(seq 1 40)
	do
		UB_TEST_FAULT=eio:getdents@$n ub status >out 2>err
		case $? in
		0) ;;
		3) found=t ;;
		*) cat out err; return 1 ;;
		esac
	done && test -n "$found"
'

test_expect_success 'wrong usage, and a failed write' '
	test_expect_code 2 ub status x 2>err && test_grep "no arguments" err &&
	test_expect_code 1 ub status >/dev/full
'

test_done
