#!/bin/sh
# t/coverage.sh BUILD: lines of each source file that the tests reached, after a coverage build.

cd "${0%/*}/.." || exit 1
objects=$1/test/obj

for folder in lib crypto objects refs fs remote builtin
do
	for gcda in "$objects/$folder"/*.gcda
	do
		test -e "$gcda" || continue
		gcov -n -o "$objects/$folder" "$gcda" 2>/dev/null |
			awk -v folder="$folder/" -F"'" '
				/^File/ { file = $2 }
				/^Lines executed/ && index(file, folder) == 1 && file ~ /\.c$/ {
					split($0, part, /[:% ]+/)
					printf "%6.1f %% of %5d  %s\n", part[3], part[5], file
					file = ""
				}'
	done
done | sort -n | awk '{ print; lines += $4; hit += $1 * $4 / 100 }
	END { if (lines) printf "%6.1f %% of %5d  all\n", 100 * hit / lines, lines }'
