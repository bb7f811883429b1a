#!/bin/sh

test_description='a reader written from the manuals alone opens what ub writes'
. "${0%/*}/test-lib.sh"

vectors=$TEST_DIRECTORY/vectors/packs
page=$SOURCE_DIRECTORY/Documentation/ub-format-pack.adoc
reader=$SOURCE_DIRECTORY/contrib/ub-reader.py
pack=$UB_BUILD/test/helper/test-pack
PYTHONDONTWRITEBYTECODE=t
export PYTHONDONTWRITEBYTECODE

# The reader, with a password and without the rest of the world.
reader () {
	"$PYTHON" "$reader" -p "$HOME/password" "$UB_DIR" "$@"
}

# What both scripts below start with: the reader as a module, and the keys of the vectors.
cat >vectors.py <<-\END
	import importlib.util, sys
	spec = importlib.util.spec_from_file_location('reader', sys.argv[1])
	reader = importlib.util.module_from_spec(spec)
	spec.loader.exec_module(reader)
	fixed = dict(line.split() for line in open(sys.argv[2] + '/keys.txt'))
	fixed = {k: int(v) if k == 'epoch' else bytes.fromhex(v) for k, v in fixed.items()}
	keys = reader.Keys(fixed['repository'])
	keys.add_epoch(fixed['epoch'], fixed['wrap'], fixed['box'])
	keys.id_keys = [fixed['id']]
END

cat >list.py <<-\END
	from vectors import *
	store = reader.Store(keys, verify=True)
	store.add_pack(sys.argv[3])
	for oid in store.where:
	    store.read(oid)
	for pack, frames in store.packs:
	    data = reader.read_file(pack.path, 1 << 20)
	    pack.path = reader.blake3(data).hex()
	    reader.print_pack(pack, frames)
END

# The page's dump is the vector, and what it says of the dump is so.
cat >example.py <<-\END
	from vectors import *
	import re
	text = open(sys.argv[3], encoding='utf-8').read().split('== EXAMPLE')[1]
	data = bytes.fromhex(''.join(re.findall(r'^\t[0-9a-f]{4}  ([0-9a-f ]+)$', text, re.M)))
	path = sys.argv[2] + '/v0-hello.pack'
	assert data == open(path, 'rb').read(), 'the dump is not the vector'
	said = {k.strip(): v for k, v in re.findall(
	    r'^\t([a-z][a-z0-9 ]{14} )([0-9a-f]+(?:\n\t {16}[0-9a-f]+)*)$', text, re.M)}
	said = {k: bytes.fromhex(re.sub(r'\s', '', v)) for k, v in said.items()}
	pack = reader.Pack(path, keys)
	found = {
	    'repository id': keys.repo_id, 'wrapping key': fixed['wrap'], 'id key': fixed['id'],
	    'stanza seal key': keys.epochs[7][0], 'salt': pack.salt, 'pack key': pack.key,
	    'header hash': pack.header_hash, 'frame': pack.open_part(193, 50, 1),
	    'footer': pack.open_part(283, 118, 3), 'trailer': pack.open_part(401, 104, 4),
	    'object id': keys.object_id(1, b'hello'), 'pack id': reader.blake3(data)}
	for place in 193, 283, 401:
	    found[f'part key {place}'] = reader.part_key(pack.key, place)
	assert pack.open_part(243, 40, 2) == b''
	assert said == found, (said, found)
END

for text in "$vectors"/*.txt
do
	name=${text##*/}
	name=${name%.txt}
	test "$name" != keys || continue
	test_expect_success "$name holds what it always held" '
		"$pack" list "$vectors/$name.pack" >actual &&
		test_cmp "$text" actual
	'
	test_expect_success PYTHON "$name says the same to the second reader" '
		"$PYTHON" list.py "$reader" "$vectors" "$vectors/$name.pack" >actual &&
		test_cmp "$text" actual
	'
done

test_expect_success 'the keys of the samples are those of the tests' '
	"$pack" keys >actual &&
	test_cmp "$vectors/keys.txt" actual
'

test_expect_success PYTHON 'the example of the manual decodes as the manual says' '
	"$PYTHON" example.py "$reader" "$vectors" "$page"
'

test_expect_success PYTHON 'the reader knows BLAKE3' '
	cat >blake3.py <<-\END &&
	from vectors import *
	for n, plain, keyed, derived in (
	    (0, "af1349b9f5f9a1a6", "92b2b75604ed3c76", "2cc39783c223154f"),
	    (1, "2d3adedff11b61f1", "6d7878dfff2f4856", "b3e2e340a117a499"),
	    (1025, "d00278ae47eb27b3", "357dc55de0c7e382", "effaa245f065fbf8"),
	    (31744, "62b6960e1a44bcc1", "efa53b389ab67c59", "39772aef80e0ebe6")):
	    data = bytes(i % 251 for i in range(n))
	    assert reader.blake3(data).hex().startswith(plain)
	    key = b"whats the Elvish word for friend"
	    assert reader.blake3_keyed(key, data).hex().startswith(keyed)
	    context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
	    assert reader.derive_key(context, data).hex().startswith(derived)
	END
	"$PYTHON" blake3.py "$reader" "$vectors"
'

# A repository of ub's -----------------------------------------------------------------------------

# hash_dir DIR: store a folder by plumbing alone; prints the tree's id.
hash_dir () (
	lists=$(mktemp) && cd "$1" || exit 1
	here () {
		find . -mindepth 1 -maxdepth 1 "$@"
	}
	here -type f -printf '%f\n' >"$lists.names" &&
	here -type f -printf '%m %s %T@ %f\n' >"$lists.meta" &&
	ub hash-object -w --stdin-paths <"$lists.names" >"$lists.oids" || exit 1
	{
		paste -d ' ' "$lists.oids" "$lists.meta" | while read -r oid mode size mtime name
		do
			type=blob
			test "$size" -lt 262144 || type=$(ub cat-object -t "$oid") || exit 1
			printf '100%s %s %s %s mtime=%s\t%s\n' "$mode" "$type" "$oid" "$size" \
				"${mtime%?}" "$name"
		done
		here -type l -printf '%l %f\n' | while read -r target name
		do
			oid=$(printf %s "$target" | ub hash-object -w --stdin) || exit 1
			printf '120777 blob %s %s target=%s\t%s\n' "$oid" "${#target}" "$target" "$name"
		done
		here -type d -printf '%m %f\n' | while read -r mode name
		do
			oid=$(hash_dir "$name") || exit 1
			printf '040%s tree %s -\t%s\n' "$mode" "$oid" "$name"
		done
	} >"$lists.tree" && ub mktree <"$lists.tree"
)

test_expect_success 'make a repository with a bit of everything' '
	test_init_repo --device box &&
	mkdir -p src/dir/sub src/empty src/many &&
	echo hello >src/hello &&
	: >src/nothing &&
	test_random 200 1 >src/small &&
	test_random 3M 2 >src/large &&
	seq 1 20000 >src/dir/text &&
	ln src/hello src/dir/hello &&
	ln -s ../hello src/dir/link &&
	{ test_random 100K 3 && head -c 2M /dev/zero && test_random 100K 4; } >src/dir/sub/holes &&
	printf x >"src/dir/sub/a \"b\\c" &&
	printf y >"src/dir/sub/$(printf "\303\244\001")" &&
	for i in $(seq 1 1500); do echo $i >src/many/$i || return 1; done &&
	chmod 755 src/dir/text && chmod 600 src/small && chmod 700 src/empty &&
	find src -type f -exec touch -d "2001-02-03 04:05:06.123456789" {} + &&
	tree=$(hash_dir src) &&
	first=$(ub commit-tree -m first "$tree") &&
	ub update-ref main "$first" &&
	echo more >>src/hello &&
	touch -d "2002-02-03 04:05:06" src/hello src/dir/hello &&
	tree=$(hash_dir src) &&
	second=$(ub commit-tree -m "second, with ä" -p "$first" "$tree") &&
	ub update-ref main "$second" &&
	ub update-ref tags/v1 "$first" &&
	echo "$first" >first && echo "$second" >second && echo "$tree" >tree &&
	ub cat-tree -r "$second" >ls.expect &&
	ub cat-tree -r -z "$second" >ls-z.expect
'

test_expect_success PYTHON 'it opens with the password alone: no index, no state, no ub' '
	mv "$UB_DIR/index" index.aside && mv "$XDG_STATE_HOME" state.aside &&
	test_when_finished "mv index.aside \"\$UB_DIR/index\"; mv state.aside \"\$XDG_STATE_HOME\"" &&
	PATH=/usr/bin:/bin reader refs >actual &&
	{
		echo "$(cat first) box/tags/v1" &&
		echo "$(cat second) box/main"
	} >expect &&
	test_cmp expect actual &&
	reader show >actual &&
	test_grep "^commit $(cat second)" actual &&
	test_grep "^tree $(cat tree)" actual &&
	test_grep "^parent $(cat first)" actual &&
	test_grep "^second, with ä" actual
'

test_expect_success PYTHON 'it lists what cat-tree -r lists' '
	reader ls >actual &&
	test_cmp ls.expect actual &&
	reader ls -z box/main >actual &&
	test_cmp_bin ls-z.expect actual &&
	reader ls "$(cat second):dir" >actual &&
	ub cat-tree -r "$(cat second):dir" >expect &&
	test_cmp expect actual
'

test_expect_success PYTHON 'it gives back every byte, mode, time and link' '
	rm -rf out && reader extract HEAD out &&
	diff -r src out &&
	(cd src && find . ! -type d -printf "%p %m %T@ %l\n" | sort) >expect &&
	(cd out && find . ! -type d -printf "%p %m %T@ %l\n" | sort) >actual &&
	(cd src && find . -type d -printf "%p %m\n" | sort) >>expect &&
	(cd out && find . -type d -printf "%p %m\n" | sort) >>actual &&
	sed "s/ 777 [0-9.]* / 777 /" expect >expect.links &&
	sed "s/ 777 [0-9.]* / 777 /" actual >actual.links &&
	test_cmp expect.links actual.links
'

test_expect_success PYTHON 'it reads single files, old snapshots, objects by id' '
	reader cat main:dir/sub/holes >actual && test_cmp_bin src/dir/sub/holes actual &&
	reader cat tags/v1:hello >actual && echo hello | test_cmp - actual &&
	test_expect_code 1 reader cat "$(cat first):dir/link" 2>err && test_grep "is not a file" err &&
	reader extract main:many/7 seven && test_cmp src/many/7 seven &&
	oid=$(ub hash-object src/small) &&
	reader object "$oid" >actual && test_cmp_bin src/small actual &&
	test_expect_code 1 reader cat HEAD:nope
'

test_expect_success PYTHON 'it verifies ids when asked to' '
	reader --verify cat HEAD:small >actual && test_cmp_bin src/small actual
'

test_expect_success PYTHON 'it uses the program zstd where python has no zstandard' '
	mkdir -p shadow && echo "raise ImportError" >shadow/zstandard.py &&
	PYTHONPATH=shadow reader cat HEAD:dir/text >actual &&
	test_cmp src/dir/text actual
'

test_expect_success PYTHON 'a wrong password is told from damage' '
	echo wrong >wrong &&
	test_expect_code 12 "$PYTHON" "$reader" -p wrong "$UB_DIR" refs 2>err &&
	test_grep "no key slot opens" err
'

test_expect_success PYTHON 'the recovery words open it too' '
	list=/usr/lib/python3/dist-packages/mnemonic/wordlist/english.txt &&
	{ test -f "$list" || list=$SOURCE_DIRECTORY/build/deps$list; } &&
	grep -xE " *[a-z]+( [a-z]+){5}" "$HOME/init.out" >words && test_line_count 4 words &&
	"$PYTHON" "$reader" --words words --word-list "$list" "$UB_DIR" refs >actual &&
	test_line_count 2 actual
'

test_expect_success PYTHON 'packs on other disks are found through the config' '
	UB_DIR=$TRASH_DIRECTORY/apart && export UB_DIR &&
	test_when_finished "UB_DIR=\$TRASH_DIRECTORY/repo" &&
	test_init_repo --meta "$PWD/fast disk" --data "$PWD/big" --device apart &&
	test_random 8M 9 >blob &&
	oid=$(ub hash-object -w blob) &&
	tree=$(printf "100644 %s %s 8388608\tblob\n" "$(ub cat-object -t "$oid")" "$oid" | ub mktree) &&
	ub update-ref main "$(ub commit-tree -m apart "$tree")" &&
	reader cat HEAD:blob >actual &&
	test_cmp_bin blob actual
'

test_expect_success PYTHON 'damage is named, and what is whole is still given back' '
	cp -r "$UB_DIR" whole && test_when_finished "chmod -R u+w repo; rm -rf repo; mv whole repo" &&
	ub locate "$(ub rev-parse HEAD:dir/text)" >where &&
	damaged=$(grep -oE "[0-9a-f]{64}" where | sed -n 2p) && test -n "$damaged" &&
	flip_bit "$UB_DIR"/packs/*/"$damaged" 300 &&
	test_expect_code 6 reader extract HEAD partial 2>err &&
	test_grep "dir/text.: pack $damaged: what is at [0-9]* is not genuine" err &&
	diff -r src partial >actual; test $? = 1 &&
	test_grep "text" actual && test_cmp src/small partial/small &&
	test_path_is_missing partial/dir/text &&
	log=$(find "$UB_DIR/refs" -name "0000000003-*") && flip_bit "$log" 100 &&
	test_expect_code 6 reader refs >actual 2>err &&
	test_grep "record .*0000000003-" err &&
	echo "$(cat first) box/main" >expect &&
	test_cmp expect actual
'

test_done
