#!/bin/sh
# Every command has its file, its manual and a test; what the manual says, -h says.

cd "${0%/*}/.." || exit 1
ub=${UB_BUILD:-build}/ub
status=0
complain () {
	echo "commands: $*"
	status=1
}

for name in $(sed -n 's/^COMMAND("\([^"]*\)".*/\1/p' builtin/commands.def)
do
	page=Documentation/ub-$name.adoc
	test -e "builtin/$name.c" || complain "$name: there is no builtin/$name.c"
	grep -lqE "ub (-[a-z-]+ )*$name( |$|\))" t/t[0-9]*.sh || complain "$name: no script in t/ runs it"
	if ! test -e "$page"
	then
		complain "$name: there is no $page"
		continue
	fi
	"$ub" "$name" -h >build/usage 2>&1 || complain "$name: -h fails"
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS OUTPUT 'EXIT STATUS' EXAMPLES 'SEE ALSO'
	do
		grep -q "^== $section$" "$page" || complain "$page: has no $section"
	done
	grep -q "^= ub-$name(1)$" "$page" || complain "$page: the title is not ub-$name(1)"

	# The forms: the usage's lines are the synopsis's, markup aside.
	sed -n '/^usage: \|^   or: /s/^.......//p' build/usage | sort >build/forms-h
	sed -n '/^== SYNOPSIS/,/^== DESC/p' "$page" | grep "ub.* $name\|^ub " |
		sed 's/[*_`]//g; s/&#8230;/.../g; s/ +$//; s/\\//g; s/^\[verse\]//' | sort >build/forms-man
	cmp -s build/forms-h build/forms-man || {
		complain "$name: -h and SYNOPSIS of $page differ (< -h, > manual)"
		diff build/forms-h build/forms-man | grep '^[<>]'
	}

	# The options: each of -h is a term of the manual, and the other way round.
	sed -n 's/^    \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p; s/^    \(-[A-Za-z]\) .*/\1/p' build/usage |
		sort -u >build/options-h
	sed -n '/^== OPTIONS/,/^== OUTPUT/p' "$page" | grep '::$' | tr -d '*_`' | tr ' ,=<:' '\n\n\n\n\n' |
		grep '^--[a-z]' | sort -u >build/options-man
	sed 's/.*/&/' build/options-h | grep '^--' | while read -r option
	do
		grep -qxe "$option" build/options-man || echo "commands: $page: lacks $option"
	done >build/lacking
	while read -r option
	do
		case $option in
		--json|--dry-run|--quiet|--verbose|--repo|--password-file|--help|--no-progress) continue ;;
		--no-*)
			grep -qxe "--${option#--no-}" build/options-h && continue ;;
		esac
		grep -qxe "$option" build/options-h || echo "commands: $page: -h does not know $option"
	done <build/options-man >>build/lacking
	test ! -s build/lacking || { cat build/lacking; status=1; }
done

# A file in builtin/ that is no command must at least have a header.
for file in builtin/*.c
do
	name=$(basename "$file" .c)
	grep -q "^COMMAND(\"$name\"" builtin/commands.def && continue
	test "$name" = ub || test -e "builtin/$name.h" || ls "builtin/${name%%-*}"*.h >/dev/null 2>&1 ||
		complain "$file: is neither a command nor has a header"
done

# Commands stand in the overview's manual.
for name in $(sed -n 's/^COMMAND("\([^"]*\)".*/\1/p' builtin/commands.def)
do
	tr -d '*_' <Documentation/ub.adoc | grep -q "ub-$name(1)" || complain "Documentation/ub.adoc does not list ub-$name(1)"
done

test $status != 0 || echo "ok    commands, manuals and tests"
exit $status
