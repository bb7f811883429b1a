#!/bin/sh
# Style that a machine can see: tabs, 100 columns, no trailing blanks, one newline at the end.

cd "${0%/*}/.." || exit 1
status=0
complain () {
	test -z "$1" || { printf '%s\n' "$1" | sed "s/^/style: $2: /"; status=1; }
}

c_files=$(ls ./*/*.[ch] t/*/*.[ch] 2>/dev/null | sed 's|^\./||' | grep -v '^build/')
sh_files=$(ls t/*.sh t/run t/bench/*.sh .ci/run 2>/dev/null)
doc_files=$(ls README.md Documentation/*.adoc builtin/commands.def 2>/dev/null)

# shellcheck disable=SC2086 # lists of names without blanks
{
complain "$(grep -nE '[ 	]+$' $c_files $sh_files $doc_files Makefile)" 'blanks at the end'
complain "$(grep -nE '^ +[^ *]' $c_files | grep -vE '^[^:]*:[0-9]+: \*')" 'indented with blanks'
complain "$(grep -nE ' 	' $c_files)" 'a blank before a tab'
complain "$(for f in $c_files; do
	expand -t 8 "$f" | awk -v f="$f" '{ gsub(/[\200-\277]/, "") }
		length($0) > 100 { print f ":" NR ": " length($0) " columns" }'
done)" 'longer than 100 columns'
complain "$(for f in $c_files $sh_files $doc_files; do
	test -z "$(tail -c 1 "$f")" || echo "$f"
done)" 'no newline at the end'
type='(const |static |extern )*(struct \w+|char|void|int|uint[0-9]+_t|size_t)'
complain "$(grep -nE "^[ 	]*$type\* \w" $c_files)" \
	'the star belongs to the name'
complain "$(grep -nE '^typedef struct|^}[ 	]*[a-z_]+_t;' $c_files)" 'no typedefs for structs'
complain "$(grep -nE '//' $c_files | grep -vE ':[0-9]+:.*(https?:|"[^"]*//|/\*.*//|^\S+:[0-9]+:\s*\*)')" \
	'comments are /* */'
complain "$(for f in $c_files; do case $f in t/unit/*) ;; *.c)
	awk 'NR == 1 && !/^\/\*/ { print FILENAME; exit } { exit }' "$f" ;; esac; done)" \
	'a file opens with what it is for'
complain "$(for f in $c_files; do case $f in *.h)
	guard=$(echo "$f" | tr 'a-z/.-' 'A-Z___')
	grep -q "^#ifndef $guard$" "$f" || echo "$f: $guard" ;; esac; done)" 'include guard'
complain "$(grep -nE '^(static )?(char|int|bool|unsigned|size_t|uint[0-9]+_t|struct \w+) \*?\w+( = [^;(]*)?;' \
	$(ls lib/*.c crypto/*.c objects/*.c refs/*.c builtin/*.c 2>/dev/null | grep -v 'lib/sys') |
	grep -v 'const ' | grep -vE '^crypto/secret.c|/\* (hook|set once)')" 'mutable globals'
}
test $status != 0 || echo "ok    style"
exit $status
