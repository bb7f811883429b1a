#!/bin/sh
# Manuals name only pages that exist, and asciidoctor, where it is there, reads each without a warning.

cd "${0%/*}/.." || exit 1
status=0

for page in Documentation/*.adoc README.md
do
	for link in $(tr -d '*_' <"$page" | grep -oE '\bub(-[a-z0-9-]+)?\([157]\)' | sort -u)
	do
		file=Documentation/${link%(*}.adoc
		if ! test -e "$file"
		then
			echo "links: $page names $link, but there is no $file"
			status=1
		elif ! grep -q "^= $link$" "$file"
		then
			echo "links: $page names $link, but $file has another section number"
			status=1
		fi
	done
done

if command -v asciidoctor >/dev/null
then
	for page in Documentation/ub*.adoc
	do
		asciidoctor -v -b manpage -o /dev/null "$page" 2>build/asciidoctor.log || status=1
		test ! -s build/asciidoctor.log || { cat build/asciidoctor.log; status=1; }
	done
else
	echo "skip  rendering of manuals: no asciidoctor"
fi

test $status != 0 || echo "ok    manuals and their links"
exit $status
